//! Whether cards this node counted on are lost. A card that never worked is no loss: the node knew
//! it at the start and measured itself without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use streamflow_runtime::Readiness;

/// The cards that worked once, and why one does not now. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Health {
    readiness: Readiness,
    cards: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl Health {
    pub(super) fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            cards: Arc::default(),
        }
    }

    /// A card takes work.
    pub(super) fn up(&self, name: &str) {
        self.change(|cards| {
            cards.insert(name.to_owned(), None);
        });
    }

    /// A card does not, for this reason.
    pub(super) fn down(&self, name: &str, reason: &str) {
        self.change(|cards| {
            if let Some(known) = cards.get_mut(name) {
                *known = Some(reason.to_owned());
            }
        });
    }

    /// The node is not ready while all it counted on are gone.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, Option<String>>)) {
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut cards);
        let lost: Vec<_> = cards
            .iter()
            .filter_map(|(name, lost)| Some(format!("{name}: {}", lost.as_ref()?)))
            .collect();
        let ready = cards.is_empty() || lost.len() < cards.len();
        self.readiness.require(
            ready,
            "gpu-lost",
            format!(
                "no card is left; the processor does what it can ({})",
                lost.join("; ")
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_loss_of_every_card_that_worked_blocks() {
        let readiness = Readiness::new();
        let health = Health::new(readiness.clone());
        health.down("nvidia:9", "never worked");
        assert!(readiness.is_ready());
        health.up("nvidia:0");
        health.up("nvidia:1");
        health.down("nvidia:0", "fell off the bus");
        assert!(readiness.is_ready());
        health.down("nvidia:1", "too hot");
        let reasons = readiness.reasons();
        assert_eq!(reasons[0].code, "gpu-lost");
        assert!(
            reasons[0].message.contains("fell off the bus"),
            "{reasons:?}"
        );
        health.up("nvidia:1");
        assert!(readiness.is_ready());
    }
}
