//! Blocks as they were mined, with what their transactions did.

use std::sync::Arc;

use alloy_consensus::{Eip658Value, Header, Receipt, ReceiptEnvelope, TxEnvelope};
use alloy_eips::Typed2718;
use alloy_primitives::{Address, B256, Bloom, Log};

/// One block, with the receipts of its transactions.
#[derive(Debug, Clone)]
pub struct Block {
    /// The header, whose encoding gives the hash.
    pub header: Header,
    /// The hash of the header.
    pub hash: B256,
    /// What was mined, in order.
    pub transactions: Vec<Mined>,
}

/// A transaction with what it did.
#[derive(Debug, Clone)]
pub struct Mined {
    /// The transaction as it was signed.
    pub transaction: Arc<Signed>,
    /// False where it reverted or halted: it then changed nothing but the payment of its gas.
    pub success: bool,
    /// Gas of this transaction alone.
    pub gas_used: u64,
    /// Gas of the block up to and with this transaction.
    pub cumulative_gas: u64,
    /// What one gas cost, in wei.
    pub gas_price: u128,
    /// The contract it made.
    pub contract: Option<Address>,
    /// Its events.
    pub logs: Vec<Log>,
    /// Events of the block before its own.
    pub first_log: u64,
}

/// A transaction with its sender, who was recovered from its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The transaction.
    pub envelope: TxEnvelope,
    /// Its hash.
    pub hash: B256,
    /// Who signed it.
    pub sender: Address,
}

impl Block {
    /// The number of the block.
    pub const fn number(&self) -> u64 {
        self.header.number
    }

    /// The place of a transaction in the block.
    pub fn place(&self, hash: B256) -> Option<usize> {
        let mut transactions = self.transactions.iter();
        transactions.position(|mined| mined.transaction.hash == hash)
    }
}

impl Mined {
    /// The receipt as the receipt trie of the block holds it.
    pub(crate) fn receipt(&self) -> ReceiptEnvelope {
        let receipt = Receipt {
            status: Eip658Value::Eip658(self.success),
            cumulative_gas_used: self.cumulative_gas,
            logs: self.logs.clone(),
        }
        .with_bloom();
        match self.transaction.envelope.ty() {
            1 => ReceiptEnvelope::Eip2930(receipt),
            2 => ReceiptEnvelope::Eip1559(receipt),
            4 => ReceiptEnvelope::Eip7702(receipt),
            // Transactions with blobs are not taken, so what is left is the oldest form.
            _ => ReceiptEnvelope::Legacy(receipt),
        }
    }

    /// The bloom of its events.
    pub(crate) fn bloom(&self) -> Bloom {
        self.logs.iter().collect()
    }
}
