//! The lottery ticket: what is signed, what it is worth, and when it wins.

use alloy_primitives::{B256, U256, Uint, keccak256};
use streamflow_types::Address;
use streamflow_wire::signature::SIGNATURE_BYTES;

use crate::amount::Amount;

/// Bytes of a ticket with its round: two addresses, six words.
const MAX_TICKET_BYTES: usize = 2 * 20 + 6 * 32;

/// The chance of a ticket, as its numerator over 2²⁵⁶ − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WinProb(pub U256);

impl WinProb {
    /// Certainty but for one value in 2²⁵⁶.
    pub const CERTAIN: Self = Self(U256::MAX);

    /// What a ticket of this face value is worth to who sells for it, in wei: never above the
    /// exact value.
    pub fn expected_value_down(self, face_value: U256) -> U256 {
        let product = face_value.widening_mul::<256, 4, 512, 8>(self.0);
        let value = product / Uint::<512, 8>::from(U256::MAX);
        // A product over its own largest factor is at most the other factor.
        value.saturating_to()
    }

    /// What a ticket of this face value costs who pays with it, in wei: never below the exact
    /// value.
    pub fn expected_value_up(self, face_value: U256) -> U256 {
        let product = face_value.widening_mul::<256, 4, 512, 8>(self.0);
        let value = product.div_ceil(Uint::<512, 8>::from(U256::MAX));
        value.saturating_to()
    }
}

/// The round a ticket was made in, by number and by the hash of its block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CreationRound {
    /// Its number.
    pub round: u64,
    /// The hash that the contracts keep for it.
    pub block_hash: B256,
}

impl CreationRound {
    /// What stands in the ticket: 64 bytes, or none where both are zero.
    pub fn aux_data(&self) -> Vec<u8> {
        if *self == Self::default() {
            return Vec::new();
        }
        let mut data = U256::from(self.round).to_be_bytes::<32>().to_vec();
        data.extend_from_slice(self.block_hash.as_slice());
        data
    }
}

/// A lottery ticket as its sender signs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// Who is paid.
    pub recipient: Address,
    /// Who pays, and signs.
    pub sender: Address,
    /// What it pays when it wins, in wei.
    pub face_value: U256,
    /// The chance that it wins.
    pub win_prob: WinProb,
    /// Counts the sender's tickets for one secret of the recipient.
    pub sender_nonce: u32,
    /// The hash of the recipient's secret.
    pub recipient_rand_hash: B256,
    /// When it was made.
    pub creation: CreationRound,
}

impl Ticket {
    /// What is signed, through the personal digest.
    pub fn hash(&self) -> B256 {
        let mut bytes = [0u8; MAX_TICKET_BYTES];
        let length = self.write(&mut bytes);
        keccak256(bytes.get(..length).unwrap_or(&bytes))
    }

    /// Whether the ticket wins with this signature of its hash and this secret of the recipient.
    pub fn wins(&self, signature: &[u8; SIGNATURE_BYTES], recipient_rand: U256) -> bool {
        draw(signature, recipient_rand) < self.win_prob.0
    }

    /// What it is worth before it is drawn.
    pub fn value(&self) -> Amount {
        Amount::of_ticket(self.face_value, self.win_prob)
    }

    /// The bytes that are hashed; says how many they are.
    fn write(&self, bytes: &mut [u8; MAX_TICKET_BYTES]) -> usize {
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(self.recipient.as_bytes());
        put(self.sender.as_bytes());
        put(&self.face_value.to_be_bytes::<32>());
        put(&self.win_prob.0.to_be_bytes::<32>());
        put(&U256::from(self.sender_nonce).to_be_bytes::<32>());
        put(self.recipient_rand_hash.as_slice());
        if self.creation != CreationRound::default() {
            put(&U256::from(self.creation.round).to_be_bytes::<32>());
            put(self.creation.block_hash.as_slice());
        }
        at
    }
}

/// What is compared with the chance: neither side can choose it, for neither knows both halves.
fn draw(signature: &[u8; SIGNATURE_BYTES], recipient_rand: U256) -> U256 {
    let mut bytes = [0u8; SIGNATURE_BYTES + 32];
    let (front, back) = bytes.split_at_mut(SIGNATURE_BYTES);
    front.copy_from_slice(signature);
    back.copy_from_slice(&recipient_rand.to_be_bytes::<32>());
    keccak256(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_rounds_against_itself() {
        let half = WinProb(U256::MAX / U256::from(2));
        let face = U256::from(101);
        assert_eq!(half.expected_value_down(face), U256::from(50));
        assert_eq!(half.expected_value_up(face), U256::from(51));
        assert_eq!(WinProb::CERTAIN.expected_value_down(U256::MAX), U256::MAX);
        assert_eq!(WinProb::CERTAIN.expected_value_up(U256::MAX), U256::MAX);
        assert_eq!(WinProb(U256::ZERO).expected_value_up(face), U256::ZERO);
    }
}
