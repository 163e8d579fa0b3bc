//! What nodes can do and what jobs need: matching, job requirements, bookkeeping, messages.

mod bookkeeping;
mod job;
mod version;

use std::collections::BTreeMap;

use streamflow_types::{Capability, CapabilitySet};

use crate::proto;
use crate::proto::capabilities::{CapabilityConstraints, Capacity};

pub use bookkeeping::Capacities;
pub use job::{InputFacts, PixelFormat, StorageKind, UnsupportedPixelFormat, job_capabilities};
pub use version::is_at_least;

/// Models kept of one capability of a foreign message; more make the message invalid.
const MAX_MODELS: usize = 256;

/// Capacities kept of a foreign message: one for each number a set can hold.
const MAX_CAPACITIES: usize = 1024;

/// What a node claims, or a job asks for.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Capabilities {
    /// The bits.
    pub set: CapabilitySet,
    /// Bits a job must ask for to be taken.
    pub mandatories: CapabilitySet,
    /// How much of each bit there is; see [`with_capacities`](Self::with_capacities).
    pub capacities: BTreeMap<u32, u32>,
    /// Build version; empty in what a gateway asks.
    pub version: String,
    /// Oldest version a job is given to; empty for any.
    pub min_version: String,
    /// Models of AI capabilities, by capability number. Compared, never offered here.
    pub models: BTreeMap<u32, CapabilityConstraints>,
}

/// Why a message's capabilities are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CapabilityError {
    /// More words than any real set has.
    #[error("capabilities: {0} is longer than any real set")]
    TooLong(&'static str),
}

/// Capabilities of the first versions of the network: what a node that says nothing can do.
pub fn legacy_set() -> CapabilitySet {
    (0..=11u32).collect()
}

/// What every transcoder of the network can do.
pub fn default_set() -> CapabilitySet {
    use Capability as C;
    let mut set = legacy_set();
    [C::AuthToken, C::Mpeg7Signature, C::SegmentSlicing]
        .iter()
        .for_each(|c| set.insert(c.number()));
    set
}

impl Capabilities {
    /// A node's claim: capacity 1 of each bit.
    pub fn of_node(set: CapabilitySet, version: &str) -> Self {
        let capacities = set.iter().map(|number| (number, 1)).collect();
        Self {
            set,
            capacities,
            version: version.to_owned(),
            ..Self::default()
        }
    }

    /// What a job asks for.
    pub fn of_job(set: CapabilitySet) -> Self {
        Self {
            set,
            ..Self::default()
        }
    }

    /// The same with capacities: where none are named, each bit counts as one.
    pub fn with_capacities(mut self) -> Self {
        if self.capacities.is_empty() {
            self.capacities = self.set.iter().map(|number| (number, 1)).collect();
        }
        self
    }

    /// From a message.
    pub fn from_proto(message: &proto::Capabilities) -> Result<Self, CapabilityError> {
        let words = |field, words: &[u64]| {
            CapabilitySet::from_words(words.to_vec()).ok_or(CapabilityError::TooLong(field))
        };
        let set = words("bitstring", &message.bitstring)?;
        if message.capacities.len() > MAX_CAPACITIES {
            return Err(CapabilityError::TooLong("capacities"));
        }
        let entries = message.capacities.iter();
        let capacities = entries.map(|entry| (entry.key(), entry.value())).collect();
        let constraints = message.constraints.clone().unwrap_or_default();
        let too_many = constraints.per_capability.len() > MAX_MODELS
            || constraints
                .per_capability
                .values()
                .any(|c| c.models.len() > MAX_MODELS);
        if too_many {
            return Err(CapabilityError::TooLong("constraints"));
        }
        Ok(Self {
            set,
            mandatories: words("mandatories", &message.mandatories)?,
            capacities,
            version: message.version.clone(),
            min_version: constraints.min_version,
            models: constraints.per_capability,
        })
    }

    /// As a message. `constraints` is always there, as peers send it.
    pub fn to_proto(&self) -> proto::Capabilities {
        proto::Capabilities {
            bitstring: self.set.words().to_vec(),
            mandatories: self.mandatories.words().to_vec(),
            capacities: self
                .capacities
                .iter()
                .map(|(&key, &value)| Capacity {
                    key: Some(key),
                    value: Some(value),
                })
                .collect(),
            version: self.version.clone(),
            constraints: Some(proto::capabilities::Constraints {
                min_version: self.min_version.clone(),
                per_capability: self.models.clone(),
            }),
        }
    }

    /// Whether a node with these capabilities may be given a job that asks for `job`.
    pub fn satisfy(&self, job: &Self) -> bool {
        is_at_least(&self.version, &job.min_version)
            && self.mandatories.is_subset_of(&job.set)
            && models_satisfy(&self.models, &job.models)
            && job.set.is_subset_of(&self.set)
    }
}

/// Whether a node that says nothing of its capabilities may be given the job.
pub fn is_legacy_only(job: &CapabilitySet) -> bool {
    job.is_subset_of(&legacy_set())
}

/// Models count only for capabilities that both sides constrain.
fn models_satisfy(
    node: &BTreeMap<u32, CapabilityConstraints>,
    job: &BTreeMap<u32, CapabilityConstraints>,
) -> bool {
    job.iter().all(|(number, wanted)| {
        let Some(offered) = node.get(number) else {
            return true;
        };
        wanted.models.iter().all(|(name, wanted)| {
            offered.models.get(name).is_some_and(|offered| {
                (offered.warm || !wanted.warm)
                    && is_at_least(&offered.runner_version, &wanted.runner_version)
            })
        })
    })
}
