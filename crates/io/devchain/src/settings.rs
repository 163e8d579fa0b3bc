//! What a development chain starts with.

use alloy_primitives::{Address, B256, U256, address};
use revm::primitives::hardfork::SpecId;

/// The rules of the EVM. Pinned, so that gas does not change under the network's feet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fork {
    /// The oldest rules the contracts are compiled for.
    London,
    /// What public networks of today run.
    Prague,
}

impl Fork {
    pub(crate) const fn spec(self) -> SpecId {
        match self {
            Self::London => SpecId::LONDON,
            Self::Prague => SpecId::PRAGUE,
        }
    }
}

/// How the base fee of blocks comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fees {
    /// Always the same, in wei per gas: amounts on a demonstration stay easy to follow.
    Fixed(u64),
    /// By EIP-1559 from this start.
    Market(u64),
}

impl Fees {
    pub(crate) const fn first(self) -> u64 {
        match self {
            Self::Fixed(fee) | Self::Market(fee) => fee,
        }
    }
}

/// What a chain is made with. The same settings give the same genesis block.
#[derive(Debug, Clone)]
pub struct Settings {
    /// 31337 by custom.
    pub chain_id: u64,
    /// The rules of the EVM.
    pub fork: Fork,
    /// The base fee.
    pub fees: Fees,
    /// What is suggested as tip, in wei per gas.
    pub tip: u64,
    /// The gas limit of a block.
    pub gas_limit: u64,
    /// Who gets the tips.
    pub coinbase: Address,
    /// Unix time of the genesis block.
    pub genesis_time: u64,
    /// Balances in the genesis block, in wei.
    pub balances: Vec<(Address, U256)>,
    /// Secret keys of accounts for which the chain signs transactions itself. Public by nature:
    /// never use them elsewhere.
    pub keys: Vec<B256>,
}

/// Where the tips of a development chain go.
const COINBASE: Address = address!("c014ba5ec014ba5ec014ba5ec014ba5ec014ba5e");

impl Settings {
    /// A chain with these keys, each holding `balance` wei.
    pub fn with_keys(keys: Vec<B256>, balance: U256) -> Result<Self, KeyError> {
        let mut balances = Vec::with_capacity(keys.len());
        for (place, key) in keys.iter().enumerate() {
            let key = crate::keys::parse(*key).ok_or(KeyError { place })?;
            balances.push((crate::keys::address(&key), balance));
        }
        Ok(Self {
            chain_id: 31337,
            fork: Fork::Prague,
            fees: Fees::Fixed(1_000_000_000),
            tip: 0,
            gas_limit: 30_000_000,
            coinbase: COINBASE,
            genesis_time: 0,
            balances,
            keys,
        })
    }
}

/// A secret key that is none. Take 32 bytes below the order of secp256k1, not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("key {place} is not a secret key of secp256k1: it is zero or past the curve's order")]
pub struct KeyError {
    /// Which, from 0.
    pub place: usize,
}
