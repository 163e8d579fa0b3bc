//! The Transcoder service: a transcoder attaches, and its line stays open until it leaves.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::ConnectInfo;
use futures_util::Stream;
use streamflow_runtime::{Clock, Shutdown};
use streamflow_wire::proto::transcoder_server::Transcoder;
use streamflow_wire::proto::{NotifySegment, RegisterRequest};
use streamflow_wire::work::Registration;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use super::Workers;
use super::table::{Worker, WorkerId};

/// Jobs and ends that wait to be written to one transcoder. It takes them as fast as its line
/// goes; one that has this many unread is stuck.
const LINE: usize = 64;

/// Transcoders attached at once: a bound on memory, far beyond any pool of one orchestrator.
const MAX_WORKERS: usize = 10_000;

/// The Transcoder service.
#[derive(Clone)]
pub(crate) struct TranscoderService {
    pub(crate) workers: Arc<Workers>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shutdown: Shutdown,
}

#[tonic::async_trait]
impl Transcoder for TranscoderService {
    type RegisterTranscoderStream = Line;

    async fn register_transcoder(
        &self,
        request: Request<RegisterRequest>,
    ) -> Result<Response<Line>, Status> {
        let address = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0);
        let address = address.unwrap_or_else(|| ([0, 0, 0, 0], 0).into());
        let registration =
            Registration::from_proto(request.get_ref(), |secret| self.workers.is_secret(secret))
                .map_err(|error| {
                    tracing::warn!(clientIP = %address.ip(), %error, "transcoder refused");
                    Status::unknown(error.to_string())
                })?;
        let (line, jobs) = mpsc::channel(LINE);
        let attached_at = self.clock.unix();
        let mut table = self.workers.table();
        if table.workers().count() >= MAX_WORKERS {
            return Err(Status::resource_exhausted(
                "as many transcoders as this node takes",
            ));
        }
        let id = table.attach(|id, name| Worker {
            id,
            name,
            address,
            capacity: registration.capacity,
            capabilities: registration.capabilities,
            attached_at,
            load: 0,
            drained: false,
            suspect: false,
            succeeded: 0,
            failed: 0,
            pixels: 0,
            line,
        });
        let worker = table.name_of(id).to_owned();
        drop(table);
        let capacity = registration.capacity;
        tracing::info!(worker, %address, capacity, "transcoder attached");
        let ending = self.shutdown.clone();
        Ok(Response::new(Line {
            jobs,
            ending: Box::pin(async move { ending.stopped().await }),
            _attachment: Attachment {
                workers: self.workers.clone(),
                id,
            },
        }))
    }
}

/// What a transcoder is told, as long as it listens.
pub(crate) struct Line {
    jobs: mpsc::Receiver<NotifySegment>,
    ending: Pin<Box<dyn Future<Output = ()> + Send>>,
    _attachment: Attachment,
}

impl Stream for Line {
    type Item = Result<NotifySegment, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ending.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        self.jobs.poll_recv(context).map(|job| job.map(Ok))
    }
}

/// Detaches the transcoder when its line is dropped, for whatever reason.
struct Attachment {
    workers: Arc<Workers>,
    id: WorkerId,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.workers.detach(self.id);
    }
}
