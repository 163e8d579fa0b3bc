//! What an orchestrator offers as transcoders come and go.

use std::collections::BTreeMap;

use streamflow_types::CapabilitySet;

use super::Capabilities;

/// How much of each capability there is, all attached transcoders together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Capacities(BTreeMap<u32, u32>);

impl Capacities {
    /// Capacity 1 of each bit.
    pub fn of_set(set: &CapabilitySet) -> Self {
        Self(set.iter().map(|number| (number, 1)).collect())
    }

    /// A transcoder attached.
    pub fn add(&mut self, transcoder: &Capabilities) {
        for (&number, &capacity) in &transcoder.capacities {
            let total = self.0.entry(number).or_default();
            *total = total.saturating_add(capacity);
        }
    }

    /// A transcoder is gone. What is used up is no longer offered.
    pub fn remove(&mut self, transcoder: &Capabilities) {
        for (number, capacity) in &transcoder.capacities {
            if let Some(total) = self.0.get_mut(number) {
                *total = total.saturating_sub(*capacity);
            }
        }
        self.0.retain(|_, total| *total > 0);
    }

    /// By capability number.
    pub const fn by_number(&self) -> &BTreeMap<u32, u32> {
        &self.0
    }

    /// The bits of what is there.
    pub fn set(&self) -> CapabilitySet {
        self.0.keys().copied().collect()
    }
}
