//! Who does the work: the node's own engine, attached transcoders, or both.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use streamflow_engine::{Job, Transcoder};
use streamflow_types::{Rendition, SessionId};
use streamflow_wire::capability::{Capabilities, Capacities, default_set};
use streamflow_wire::result::SegmentFailure;
use streamflow_wire::segment::SegmentRequest;
use tokio::time::Instant;

use crate::workers::Workers;

/// A job is given to someone else only while this much of its time is left.
const SHORTEST_RETRY: std::time::Duration = std::time::Duration::from_millis(300);

/// All hands of a node.
pub(crate) struct Workshop {
    engine: Option<Arc<dyn Transcoder>>,
    /// `None` where no transcoder may attach.
    workers: Option<Arc<Workers>>,
    paused: AtomicBool,
}

impl Workshop {
    pub(crate) fn new(engine: Option<Arc<dyn Transcoder>>, workers: Option<Arc<Workers>>) -> Self {
        Self {
            engine,
            workers,
            paused: AtomicBool::new(false),
        }
    }

    /// Sessions it carries, all hands together; `None` while there is nobody.
    pub(crate) fn capacity(&self) -> Option<u32> {
        let engine = self.engine.as_ref().and_then(|engine| engine.capacity());
        let workers = self.workers.as_ref().and_then(|workers| workers.capacity());
        match (engine, workers) {
            (None, None) => None,
            (engine, workers) => Some(engine.unwrap_or(0).saturating_add(workers.unwrap_or(0))),
        }
    }

    /// What the node offers: its engine's capabilities, and those of attached transcoders. A node
    /// for transcoders offers what each of them can do even before the first one attaches.
    pub(crate) fn offer(&self, version: &str) -> Capabilities {
        let own = self
            .engine
            .as_ref()
            .map_or_else(default_set, |engine| engine.capabilities());
        let mut capacities = Capacities::of_set(&own);
        for worker in self
            .workers
            .iter()
            .flat_map(|workers| workers.capabilities())
        {
            capacities.add(&worker);
        }
        let mut offer = Capabilities::of_node(capacities.set(), version);
        offer.capacities = capacities.by_number().clone();
        offer
    }

    pub(crate) fn workers(&self) -> Option<&Arc<Workers>> {
        self.workers.as_ref()
    }

    /// No new sessions while paused.
    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Relaxed)
    }

    /// Has a segment transcoded before its deadline, by whoever can.
    pub(crate) async fn transcode(
        &self,
        request: &SegmentRequest,
        job: Job,
    ) -> Result<Vec<Rendition>, SegmentFailure> {
        let deadline = job.deadline;
        let Some(workers) = self.workers.as_ref().filter(|_| self.prefers_workers()) else {
            return self.by_engine(job).await;
        };
        match workers.transcode(request, &job).await {
            Err(failure) if self.engine.is_some() && failure.is_retryable() => {
                if Instant::now() + SHORTEST_RETRY > deadline {
                    return Err(failure);
                }
                tracing::debug!(%failure, seqNo = %job.number, "the engine takes over");
                self.by_engine(job).await
            }
            outcome => outcome,
        }
    }

    /// Transcoders first where they are: the engine beside them is what is left when they fail.
    fn prefers_workers(&self) -> bool {
        let Some(workers) = &self.workers else {
            return false;
        };
        self.engine.is_none() || workers.capacity().is_some()
    }

    async fn by_engine(&self, job: Job) -> Result<Vec<Rendition>, SegmentFailure> {
        let engine = self
            .engine
            .as_ref()
            .ok_or(SegmentFailure::TranscoderUnavailable)?;
        let deadline = job.deadline;
        match tokio::time::timeout_at(deadline, engine.transcode(job)).await {
            Ok(Ok(outcome)) => Ok(outcome.renditions),
            Ok(Err(failure)) => Err(SegmentFailure::Transcode(failure)),
            Err(_) => Err(SegmentFailure::TookTooLong),
        }
    }

    pub(crate) async fn end_session(&self, session: &SessionId) {
        if let Some(workers) = &self.workers {
            workers.end_session(session);
        }
        if let Some(engine) = &self.engine {
            engine.end_session(session).await;
        }
    }
}
