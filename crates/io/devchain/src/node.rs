//! A chain that several callers share, and that mines by itself.
//!
//! Every call takes the chain for itself, a few milliseconds at most; nothing waits inside.

mod filters;
mod server;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alloy_primitives::B256;
use streamflow_runtime::{Clock, Shutdown};
use tokio::sync::watch;

use crate::chain::{Chain, SendError};
use crate::events::Event;
use filters::Filters;

pub use server::{Access, serve};

/// A shared chain. Clones are the same chain.
#[derive(Clone)]
pub struct Node(Arc<Shared>);

struct Shared {
    chain: Mutex<Chain>,
    filters: Mutex<Filters>,
    /// Mines a block for each transaction, at once.
    automine: AtomicBool,
    /// Mines a block each time this much has passed.
    interval: watch::Sender<Option<Duration>>,
    /// The number of the next event; tells subscriptions that there is something new.
    events: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

/// When blocks are mined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mining {
    /// One for each transaction, at once.
    Automatic,
    /// One each time this much has passed, transactions or not.
    Every(Duration),
    /// Only by command.
    ByHand,
}

impl Mining {
    const fn interval(self) -> Option<Duration> {
        match self {
            Self::Every(interval) => Some(interval),
            Self::Automatic | Self::ByHand => None,
        }
    }
}

impl Node {
    /// Shares a chain.
    pub fn new(chain: Chain, mining: Mining, clock: Arc<dyn Clock>) -> Self {
        let next = chain.events().next();
        Self(Arc::new(Shared {
            chain: Mutex::new(chain),
            filters: Mutex::new(Filters::default()),
            automine: AtomicBool::new(mining == Mining::Automatic),
            interval: watch::Sender::new(mining.interval()),
            events: watch::Sender::new(next),
            clock,
        }))
    }

    /// Mines at the interval that is set, until `shutdown` begins to drain.
    pub async fn mine(&self, shutdown: &Shutdown) {
        let mut interval = self.0.interval.subscribe();
        loop {
            let period = *interval.borrow_and_update();
            let tick = async {
                match period {
                    Some(period) => self.0.clock.sleep(period).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.draining() => return,
                changed = interval.changed() => if changed.is_err() { return },
                () = tick => {
                    let now = self.unix();
                    self.change(|chain| chain.mine(now));
                }
            }
        }
    }

    /// Answers a JSON-RPC body, as the server does; no socket is needed. `None` where only
    /// notifications came.
    pub fn answer(&self, body: &[u8]) -> Option<serde_json::Value> {
        crate::rpc::answer(self, body)
    }

    /// Works with the chain.
    pub fn with<T>(&self, work: impl FnOnce(&mut Chain) -> T) -> T {
        let mut chain = self.chain();
        let result = work(&mut chain);
        let next = chain.events().next();
        drop(chain);
        self.0.events.send_if_modified(|known| {
            let new = *known != next;
            *known = next;
            new
        });
        result
    }

    /// Works with the chain and, where that left transactions to mine, mines them if that is set.
    pub(crate) fn change<T>(&self, work: impl FnOnce(&mut Chain) -> T) -> T {
        let result = self.with(work);
        self.mine_at_once();
        result
    }

    /// Takes a transaction in. With automatic mining it is mined when this returns, or refused.
    pub fn send(
        &self,
        send: impl FnOnce(&mut Chain) -> Result<B256, SendError>,
    ) -> Result<B256, SendError> {
        let before = self.with(|chain| chain.events().next());
        let hash = self.with(send)?;
        self.mine_at_once();
        let rejected = self.with(|chain| {
            let mut events = chain.events().since(before)?;
            events.find_map(|event| match event {
                Event::Rejected(rejected) if rejected.hash == hash => Some(rejected.clone()),
                _ => None,
            })
        });
        match rejected {
            Some(rejected) => Err(SendError::Rejected(rejected.reason)),
            None => Ok(hash),
        }
    }

    /// Seconds since 1970.
    pub(crate) fn unix(&self) -> u64 {
        self.0.clock.unix().as_secs()
    }

    pub(crate) fn automine(&self) -> bool {
        self.0.automine.load(Ordering::Relaxed)
    }

    /// Changes when blocks are mined.
    pub fn set_mining(&self, mining: Mining) {
        self.set_interval(mining.interval());
        self.set_automine(mining == Mining::Automatic);
    }

    pub(crate) fn set_automine(&self, on: bool) {
        self.0.automine.store(on, Ordering::Relaxed);
        self.mine_at_once();
    }

    pub(crate) fn set_interval(&self, interval: Option<Duration>) {
        self.0.interval.send_replace(interval);
    }

    fn mine_at_once(&self) {
        if self.automine() {
            let now = self.unix();
            self.with(|chain| {
                while chain.has_work(now) {
                    chain.mine(now);
                }
            });
        }
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        // A call that panicked half-way left at worst a block that nobody knows of.
        self.0.chain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
