//! Why the chain refuses something. The texts are those that clients of public nodes know.

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::pool::PoolError;

/// Why a transaction is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The bytes are no signed transaction. Send the encoding of EIP-2718.
    #[error("rlp: the bytes are not a signed transaction: {0}")]
    Malformed(String),
    /// The signature belongs to nobody. Sign again.
    #[error("invalid sender: the signature does not belong to any key")]
    Signature,
    /// Signed for another chain. Sign with the chain id of this one.
    #[error("invalid chain id for signer: have {found} want {wanted}")]
    ChainId {
        /// In the transaction.
        found: u64,
        /// Of this chain.
        wanted: u64,
    },
    /// Transactions with blobs do not exist here. Send the data as input.
    #[error("transaction type not supported: blobs are not offered on this chain")]
    Blobs,
    /// The nonce was used. Ask for the nonce with "pending".
    #[error("nonce too low: next nonce {next}, tx nonce {found}")]
    NonceLow {
        /// The next one.
        next: u64,
        /// In the transaction.
        found: u64,
    },
    /// More gas than a block has. Lower the limit.
    #[error("exceeds block gas limit: transaction asks for {asked}, a block has {limit}")]
    GasLimit {
        /// In the transaction.
        asked: u64,
        /// Of a block.
        limit: u64,
    },
    /// Less gas than sending alone costs. Raise the limit.
    #[error("intrinsic gas too low: gas {given}, minimum needed {needed}")]
    IntrinsicGas {
        /// In the transaction.
        given: u64,
        /// Before the first instruction.
        needed: u64,
    },
    /// The tip is more than the cap. Raise the cap or lower the tip.
    #[error(
        "max priority fee per gas higher than max fee per gas: \
         maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}"
    )]
    TipAboveCap {
        /// The tip.
        tip: u128,
        /// The cap.
        cap: u128,
    },
    /// The account cannot pay. Send it ether first.
    #[error("insufficient funds for gas * price + value: address {sender} have {have} want {want}")]
    Funds {
        /// Who signed.
        sender: Address,
        /// Its balance in wei.
        have: U256,
        /// What the transaction can cost, in wei.
        want: U256,
    },
    /// It cannot wait.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// It was taken, and could not run when its turn came.
    #[error("{0}")]
    Rejected(String),
    /// The chain has no key of this account. Sign it yourself and send the bytes.
    #[error("unknown account: the chain holds no key for {0}")]
    UnknownAccount(Address),
    /// The simulation before signing failed. The reason is inside.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A call or transaction that the contract ended by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text(data))]
pub struct Revert {
    /// What the contract gave as reason, encoded.
    pub data: Bytes,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The contract refused; the reason is inside.
    #[error(transparent)]
    Revert(#[from] Revert),
    /// The EVM stopped: out of gas, a bad instruction.
    #[error("{0}")]
    Halt(String),
    /// The call itself breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// No such block.
    #[error("header not found")]
    NoBlock,
    /// The state of that block is no longer kept. Ask for one of the last blocks.
    #[error(
        "missing trie node: the state of block {number} is not kept, only those of the last {kept}"
    )]
    NoState {
        /// Which block.
        number: u64,
        /// How many states are kept.
        kept: usize,
    },
    /// The limit on gas is too low for the call.
    #[error("gas required exceeds allowance ({0})")]
    Allowance(u64),
}

/// Why the chain does not go back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RewindError {
    /// Deeper than what is kept.
    #[error("cannot go back {depth} blocks: at block {head}, {kept} states are kept")]
    TooDeep {
        /// Asked for.
        depth: u64,
        /// Where the chain stands.
        head: u64,
        /// What is kept.
        kept: usize,
    },
    /// Time does not go back.
    #[error("timestamp {timestamp} is not after that of the head, {head}")]
    Past {
        /// Asked for.
        timestamp: u64,
        /// The head's.
        head: u64,
    },
    /// A transaction for the new blocks is none.
    #[error("transaction {place} of the reorganisation: {reason}")]
    Transaction {
        /// Which, from 0.
        place: usize,
        /// Why.
        reason: Box<SendError>,
    },
    /// More snapshots than are kept.
    #[error("{0} snapshots are kept at most: go back to one of them first")]
    TooManySnapshots(usize),
}

/// `Error(string)`.
const REASON: [u8; 4] = [0x08, 0xc3, 0x79, 0xa0];
/// `Panic(uint256)`.
const PANIC: [u8; 4] = [0x4e, 0x48, 0x7b, 0x71];

/// The text of a revert, as nodes write it.
fn text(data: &[u8]) -> String {
    match reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    }
}

fn reason(data: &[u8]) -> Option<String> {
    let (selector, rest) = data.split_first_chunk::<4>()?;
    match *selector {
        REASON => {
            let length = usize::try_from(U256::from_be_slice(rest.get(32..64)?)).ok()?;
            let text = rest.get(64..64_usize.checked_add(length)?)?;
            Some(String::from_utf8_lossy(text).into_owned())
        }
        PANIC => {
            let code = U256::from_be_slice(rest.get(..32)?);
            let meaning = match u64::try_from(code).unwrap_or(u64::MAX) {
                0x01 => "assert(false)",
                0x11 => "arithmetic underflow or overflow",
                0x12 => "division or modulo by zero",
                0x21 => "enum overflow",
                0x22 => "invalid encoded storage byte array accessed",
                0x31 => "out-of-bounds array access; popping on an empty array",
                0x32 => "out-of-bounds access of an array or bytesN",
                0x41 => "out of memory",
                0x51 => "uninitialized function",
                _ => return Some(format!("unknown panic code: {code:#x}")),
            };
            Some(meaning.to_owned())
        }
        _ => None,
    }
}

impl Revert {
    /// The reason alone, where the contract gave one as text.
    pub fn reason(&self) -> Option<String> {
        reason(&self.data)
    }
}

/// A transaction that was taken and then could not run when its turn came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Which.
    pub hash: B256,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reverts_read_like_those_of_public_nodes() {
        let mut data = REASON.to_vec();
        data.extend_from_slice(&U256::from(32).to_be_bytes::<32>());
        data.extend_from_slice(&U256::from(14).to_be_bytes::<32>());
        data.extend_from_slice(b"ticket is used");
        let revert = |data: Vec<u8>| Revert { data: data.into() }.to_string();
        assert_eq!(revert(data.clone()), "execution reverted: ticket is used");
        data.truncate(40);
        assert_eq!(revert(data), "execution reverted");
        assert_eq!(revert(vec![1, 2, 3, 4]), "execution reverted");
        let mut panic = PANIC.to_vec();
        panic.extend_from_slice(&U256::from(0x12).to_be_bytes::<32>());
        assert_eq!(
            revert(panic),
            "execution reverted: division or modulo by zero"
        );
    }
}
