//! The recipient's secret, and how each set of parameters is sealed with it.
//!
//! Nothing is kept about parameters that were offered: a ticket echoes them, and the number that
//! decides about its win is computed again from the echo. Whoever alters a value gets another number,
//! whose hash is not the one in the ticket.

use alloy_primitives::{B256, U256, keccak256};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use streamflow_types::{Address, PricePerPixel};

use crate::ticket::{CreationRound, WinProb};

/// Keeps these numbers apart from everything else that is ever derived from the secret.
const DOMAIN: &[u8; 32] = b"streamflow ticket parameters v1\0";

/// Everything that is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Random, one for each set of parameters.
    pub seed: U256,
    /// Who may pay with them.
    pub sender: Address,
    /// What a winner pays.
    pub face_value: U256,
    /// The chance of each ticket.
    pub win_prob: WinProb,
    /// The L1 block from which on they are void.
    pub expiration_block: u64,
    /// The price they were offered with; equal ratios are equal.
    pub price: PricePerPixel,
    /// The round that stands in each ticket.
    pub creation: CreationRound,
}

/// How terms become bytes. Only the recipient ever sees them, so peers cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Fixed lengths under a domain of their own: no two terms have the same bytes.
    #[default]
    Fixed,
    /// Numbers without leading zeros, one after the other: as other nodes of the network do it.
    Minimal,
}

/// 32 random bytes that only this recipient knows, and that outlive the process.
#[derive(Clone)]
pub struct RecipientSecret {
    bytes: [u8; 32],
    encoding: Encoding,
}

impl std::fmt::Debug for RecipientSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecipientSecret(***)")
    }
}

impl RecipientSecret {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self::with_encoding(bytes, Encoding::Fixed)
    }

    /// With the encoding of a node whose parameters are to be recognised.
    pub const fn with_encoding(bytes: [u8; 32], encoding: Encoding) -> Self {
        Self { bytes, encoding }
    }

    /// The bytes, to be stored where only the node reads them.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The number that decides, until it is revealed on chain.
    pub fn rand(&self, terms: &Terms) -> U256 {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.bytes).expect("HMAC takes keys of any length");
        match self.encoding {
            Encoding::Fixed => mac.update(&fixed(terms)),
            Encoding::Minimal => mac.update(&minimal(terms)),
        }
        U256::from_be_slice(&mac.finalize().into_bytes())
    }
}

/// What stands in the parameters for the number.
pub fn rand_hash(rand: U256) -> B256 {
    keccak256(rand.to_be_bytes::<32>())
}

fn fixed(terms: &Terms) -> Vec<u8> {
    let (wei, pixels) = lowest_terms(terms.price);
    let mut bytes = DOMAIN.to_vec();
    bytes.extend_from_slice(&terms.seed.to_be_bytes::<32>());
    bytes.extend_from_slice(terms.sender.as_bytes());
    bytes.extend_from_slice(&terms.face_value.to_be_bytes::<32>());
    bytes.extend_from_slice(&terms.win_prob.0.to_be_bytes::<32>());
    for number in [terms.expiration_block, wei, pixels, terms.creation.round] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(terms.creation.block_hash.as_slice());
    bytes
}

fn minimal(terms: &Terms) -> Vec<u8> {
    let (wei, pixels) = lowest_terms(terms.price);
    let mut bytes = minimal_bytes(terms.seed);
    bytes.extend_from_slice(terms.sender.as_bytes());
    bytes.extend(minimal_bytes(terms.face_value));
    bytes.extend(minimal_bytes(terms.win_prob.0));
    for number in [terms.expiration_block, wei, pixels] {
        bytes.extend(minimal_bytes(U256::from(number)));
    }
    bytes.extend(terms.creation.aux_data());
    bytes
}

/// Big-endian without leading zeros; zero is no bytes.
pub(crate) fn minimal_bytes(number: U256) -> Vec<u8> {
    number.to_be_bytes_trimmed_vec()
}

fn lowest_terms(price: PricePerPixel) -> (u64, u64) {
    let (wei, pixels) = (price.wei(), price.pixels().get());
    let (mut divisor, mut rest) = (pixels, wei);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (wei / divisor, pixels / divisor)
}

/// Whether two prices are the same ratio.
pub fn is_same_price(one: PricePerPixel, other: PricePerPixel) -> bool {
    lowest_terms(one) == lowest_terms(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            seed: U256::from(0x0100),
            sender: Address::new([7; 20]),
            face_value: U256::from(500),
            win_prob: WinProb(U256::from(9)),
            expiration_block: 40,
            price: PricePerPixel::new(3, 2.try_into().unwrap()),
            creation: CreationRound::default(),
        }
    }

    #[test]
    fn every_value_is_sealed() {
        let secret = RecipientSecret::new([1; 32]);
        let rand = secret.rand(&terms());
        let creation = CreationRound {
            round: 1,
            ..CreationRound::default()
        };
        let hash = CreationRound {
            block_hash: B256::repeat_byte(1),
            ..CreationRound::default()
        };
        let changed: [Terms; 8] = [
            Terms {
                seed: U256::from(1),
                ..terms()
            },
            Terms {
                sender: Address::new([8; 20]),
                ..terms()
            },
            Terms {
                face_value: U256::from(501),
                ..terms()
            },
            Terms {
                win_prob: WinProb(U256::from(8)),
                ..terms()
            },
            Terms {
                expiration_block: 41,
                ..terms()
            },
            Terms {
                price: PricePerPixel::new(3, 1.try_into().unwrap()),
                ..terms()
            },
            Terms {
                creation,
                ..terms()
            },
            Terms {
                creation: hash,
                ..terms()
            },
        ];
        for other in changed {
            assert_ne!(secret.rand(&other), rand, "{other:?}");
        }
        assert_ne!(RecipientSecret::new([2; 32]).rand(&terms()), rand);
        let equal = PricePerPixel::new(6, 4.try_into().unwrap());
        assert_eq!(
            secret.rand(&Terms {
                price: equal,
                ..terms()
            }),
            rand
        );
    }

    #[test]
    fn values_cannot_be_shifted_into_their_neighbours() {
        // Numbers without lengths run together; fixed lengths do not.
        let one = Terms {
            face_value: U256::from(0x0102),
            win_prob: WinProb(U256::from(3)),
            ..terms()
        };
        let other = Terms {
            face_value: U256::from(1),
            win_prob: WinProb(U256::from(0x0203)),
            ..terms()
        };
        assert_eq!(minimal(&one), minimal(&other));
        assert_ne!(fixed(&one), fixed(&other));
        assert!(!format!("{:?}", RecipientSecret::new([0xab; 32])).contains("ab"));
    }
}
