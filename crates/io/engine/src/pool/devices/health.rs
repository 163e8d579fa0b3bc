//! Whether cards this node counted on are lost. A card that never worked is no loss: the node knew
//! it at the start and measured itself without.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use streamflow_runtime::Readiness;

use crate::protocol::DeviceFacts;

/// How each card is, and whether it worked once. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Health {
    readiness: Readiness,
    cards: Arc<Mutex<BTreeMap<String, Card>>>,
}

#[derive(Debug, Default)]
struct Card {
    worked: bool,
    works: bool,
    text: String,
}

impl Health {
    pub(super) fn new(readiness: Readiness) -> Self {
        Self {
            readiness,
            cards: Arc::default(),
        }
    }

    /// A card takes work.
    pub(super) fn up(&self, name: &str, facts: &DeviceFacts) {
        let encoding = match facts.encodes() {
            true => "encodes itself",
            false => "the processor encodes",
        };
        let text = format!("{}, CUDA {}, {encoding}", facts.name, facts.cuda);
        self.change(name, |card| {
            *card = Card {
                worked: true,
                works: true,
                text,
            };
        });
    }

    /// A card does not, for this reason.
    pub(super) fn down(&self, name: &str, reason: &str) {
        self.change(name, |card| {
            card.works = false;
            card.text = format!("not used: {reason}");
        });
    }

    /// The node is not ready while all it counted on are gone.
    fn change(&self, name: &str, change: impl FnOnce(&mut Card)) {
        let mut cards = self.cards.lock().unwrap_or_else(PoisonError::into_inner);
        change(cards.entry(name.to_owned()).or_default());
        let texts: Vec<_> = cards
            .iter()
            .map(|(name, card)| format!("{name} {}", card.text))
            .collect();
        let texts = texts.join("; ");
        let lost = cards.values().any(|card| card.worked);
        let ready = !lost || cards.values().any(|card| card.works);
        let message = format!("no card is left, the processor does what it can: {texts}");
        self.readiness.require(ready, "gpu-lost", message);
        self.readiness.note("cards", texts);
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
        let facts = DeviceFacts {
            name: "card".to_owned(),
            uuid: String::new(),
            cuda: "12.4".to_owned(),
            capability: String::new(),
            memory_bytes: 1,
            free_bytes: 1,
            encoders: Vec::new(),
            no_encoder: None,
            encoder_limit: None,
        };
        health.up("nvidia:0", &facts);
        health.up("nvidia:1", &facts);
        health.down("nvidia:0", "fell off the bus");
        assert!(readiness.is_ready());
        health.down("nvidia:1", "too hot");
        let reasons = readiness.reasons();
        assert_eq!(reasons[0].code, "gpu-lost");
        assert!(
            reasons[0].message.contains("fell off the bus"),
            "{reasons:?}"
        );
        health.up("nvidia:1", &facts);
        assert!(readiness.is_ready());
        let note = readiness.notes().remove(0);
        assert_eq!(note.code, "cards");
        assert!(
            note.message.contains("nvidia:1 card, CUDA 12.4"),
            "{note:?}"
        );
        assert!(
            note.message.contains("nvidia:0 not used: fell off"),
            "{note:?}"
        );
    }
}
