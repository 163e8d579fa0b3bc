//! What all streams of a gateway share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamflow_engine::Transcoder;
use streamflow_playback::{Library, LibraryOptions};
use streamflow_rpc::{Clients, Reach};
use streamflow_runtime::{Clock, Readiness, Shutdown};
use streamflow_sessions::Record;
use tokio::sync::Semaphore;

use crate::config::{Config, Deps, Fallback, Ladder, RunError};
use crate::discovery::Directory;
use crate::metrics::{NodeMetrics, StreamMetrics};
use crate::pay::Payer;
use crate::registry::Registry;
use crate::session::Asker;
use crate::setup::{AuthWebhook, check_ladder};
use crate::submit::Means;

/// Bytes are counted in pieces of this size, so that any budget fits a semaphore.
pub(crate) const PIECE: usize = 1024;

pub(crate) struct Node {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) readiness: Readiness,
    /// This machine's engine, where streams may use it.
    pub(crate) local: Option<Arc<dyn Transcoder>>,
    pub(crate) payer: Arc<dyn Payer>,
    pub(crate) clients: Clients,
    pub(crate) asker: Asker,
    pub(crate) directory: Directory,
    pub(crate) library: Library,
    pub(crate) auth: Option<AuthWebhook>,
    pub(crate) metrics: NodeMetrics,
    pub(crate) registry: Registry,
    pub(crate) totals: Totals,
    /// For source bytes in hand.
    pub(crate) bytes: Memory,
    pub(crate) shutdown: Shutdown,
    record: Mutex<Record>,
    paused: AtomicBool,
}

/// Memory that is shared out in pieces.
pub(crate) struct Memory {
    pub(crate) free: Arc<Semaphore>,
    /// All of it.
    pub(crate) pieces: u32,
}

impl Memory {
    fn new(bytes: usize) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let pieces = (bytes / PIECE).clamp(1, most);
        Self {
            free: Arc::new(Semaphore::new(pieces)),
            pieces: u32::try_from(pieces).unwrap_or(u32::MAX),
        }
    }
}

/// Counts since the start, for status.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) in_flight: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) pixels: AtomicU64,
}

impl Node {
    pub(crate) fn new(config: Config, deps: Deps, shutdown: Shutdown) -> Result<Self, RunError> {
        if let Ladder::Profiles(profiles) = &config.ladder {
            check_ladder(profiles).map_err(|error| RunError::Ladder(error.to_string()))?;
        }
        let clients = Clients::within(&deps.peers, Reach::guarded())?;
        let webhooks = streamflow_rpc::client::webhooks()?;
        let discovery = config
            .discovery_webhook
            .clone()
            .map(|url| (url, webhooks.clone()));
        let directory = Directory::new(
            config.orchestrators.clone(),
            discovery,
            &config.blocked,
            clients.reach().clone(),
        );
        let metrics = NodeMetrics::new(
            &deps.metrics.with_labels(&[("node_type", "bctr")]),
            config.max_streams,
            config.per_stream_metrics,
            config.client_ip_metrics,
        );
        let options = LibraryOptions {
            max_streams: config.max_streams.saturating_mul(2),
            state_folder: config.state_folder.clone(),
            ..LibraryOptions::default()
        };
        let clock = deps.clock.clone();
        let library = Library::new(options, deps.store, clock.clone(), &deps.metrics);
        let auth = config.auth_webhook.clone();
        let auth = auth.map(|url| AuthWebhook::new(url, webhooks, metrics.webhook.clone()));
        let local = deps
            .local
            .filter(|_| config.fallback.contains(&Fallback::Local));
        let node = Self {
            asker: Asker::new(clients.clone(), deps.payer.as_ref()),
            bytes: Memory::new(config.bytes_in_flight),
            registry: Registry::default(),
            totals: Totals::default(),
            record: Mutex::default(),
            paused: AtomicBool::new(false),
            readiness: deps.readiness,
            payer: deps.payer,
            config,
            clock,
            local,
            clients,
            directory,
            library,
            auth,
            metrics,
            shutdown,
        };
        if !node.uses_network() && node.local.is_none() && !node.passes_through() {
            return Err(RunError::Nobody);
        }
        Ok(node)
    }

    /// What is remembered of orchestrators. Held for a decision, never across a wait.
    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        // A decision that panicked may leave a count off by one; that is no reason to stop all.
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether segments go to orchestrators at all.
    pub(crate) fn uses_network(&self) -> bool {
        self.config.fallback.contains(&Fallback::Network)
            && self.config.max_attempts != Some(0)
            && !self.directory.is_empty()
    }

    /// Whether a stream may be served as it came.
    pub(crate) fn passes_through(&self) -> bool {
        self.config.fallback.contains(&Fallback::Passthrough)
    }

    /// The tier of a way to get work done.
    pub(crate) fn tier(&self, way: Fallback) -> u8 {
        let at = self.config.fallback.iter().position(|other| *other == way);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
    }

    /// Takes no new streams, or takes them again.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
        let message = "takes no new streams; `streamflow resume` ends it";
        self.readiness.require(!paused, "draining", message);
    }

    /// Whether new streams are turned away.
    pub(crate) fn is_draining(&self) -> bool {
        self.paused.load(Ordering::Relaxed) || self.shutdown.is_draining()
    }

    /// Everything an attempt of one stream uses.
    pub(crate) fn means(&self, metrics: &StreamMetrics) -> Means {
        Means {
            clients: self.clients.clone(),
            asker: self.asker.clone(),
            payer: self.payer.clone(),
            clock: self.clock.clone(),
            metrics: metrics.clone(),
        }
    }
}
