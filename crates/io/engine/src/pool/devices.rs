//! Graphics cards: one worker process for each, which several sessions share.
//!
//! A card is only ever used through its worker, and only after that has transcoded a clip with it,
//! inside the sandbox it keeps. Everything a card cannot do, or can no longer do, goes to the
//! processor's workers, and the reason is in the log, the metrics and the node's status.

mod counts;
mod fleet;
mod health;
mod ledger;
mod runner;
mod system;
mod wanted;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use streamflow_runtime::Readiness;

pub use fleet::Fleet;
pub use runner::DeviceState;
pub use system::{Found, find};
pub use wanted::{Devices, ParseDevicesError};

use health::Health;

/// How cards are used.
#[derive(Clone, Debug)]
pub struct DevicesConfig {
    /// Which.
    pub devices: Devices,
    /// Memory of each left to others.
    pub reserve_bytes: u64,
    /// What their workers' environment has besides the pool's: where the driver's libraries are.
    pub environment: Vec<(OsString, OsString)>,
    /// Told when every card that worked is lost.
    pub readiness: Readiness,
    /// Where devices are looked for: `/` but in tests.
    pub root: PathBuf,
}

impl DevicesConfig {
    /// These devices, with a usual reserve.
    pub fn new(devices: Devices) -> Self {
        Self {
            devices,
            reserve_bytes: RESERVE_BYTES,
            environment: Vec::new(),
            readiness: Readiness::new(),
            root: Path::new("/").to_owned(),
        }
    }

    /// The cards to try. One asked for by number is tried even where the system shows none, so that
    /// the reason is told.
    pub fn cards(&self) -> Vec<Found> {
        let found = find(&self.root);
        let numbers = match &self.devices {
            Devices::Processor => return Vec::new(),
            Devices::Auto => return found,
            // The first is tried all the same: the system may show cards in a way of its own.
            Devices::All if found.is_empty() => [0].into(),
            Devices::All => return found,
            Devices::Nvidia(numbers) => numbers.clone(),
        };
        numbers
            .into_iter()
            .map(|index| {
                let known = found.iter().find(|card| card.index == index);
                known.cloned().unwrap_or(Found {
                    index,
                    uuid: None,
                    node: None,
                    model: None,
                })
            })
            .collect()
    }
}

/// Memory of a card left to others: displays, and the driver's own growth.
const RESERVE_BYTES: u64 = 256 << 20;

/// A card as status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// How it is called, such as `nvidia:0`.
    pub name: String,
    /// In what state it is.
    pub state: DeviceState,
    /// Sessions on it.
    pub sessions: usize,
}
