//! Taking transactions in.

use std::sync::Arc;

use alloy_consensus::transaction::SignerRecoverable;
use alloy_consensus::{Transaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Signature, TxKind, U256};

use super::calls::minimum_gas;
use super::{BlockId, Chain, SendError};
use crate::block::Signed;
use crate::events::Event;
use crate::execute::Call;
use crate::keys;

/// A transaction that the chain signs with a key of its own. What is absent is filled in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unsigned {
    /// What is called, from whom, with what.
    pub call: Call,
    /// The next one where absent.
    pub nonce: Option<u64>,
    /// Twice the base fee and the tip where absent.
    pub fee_cap: Option<u128>,
    /// The suggested one where absent.
    pub tip: Option<u128>,
}

impl Chain {
    /// Takes a signed transaction in its encoding of EIP-2718; it waits until a block is mined.
    pub fn send_raw(&mut self, bytes: &[u8]) -> Result<B256, SendError> {
        let signed = decode(bytes)?;
        self.send(signed)
    }

    /// Signs with one of the chain's own keys, and takes the transaction in.
    pub fn send_unsigned(&mut self, unsigned: Unsigned, now: u64) -> Result<B256, SendError> {
        let Unsigned {
            call,
            nonce,
            fee_cap,
            tip,
        } = unsigned;
        let sender = call.from;
        let key = self
            .key_of(sender)
            .ok_or(SendError::UnknownAccount(sender))?;
        let gas_limit = match call.gas {
            Some(gas) => gas,
            None => self.estimate(&call, BlockId::Pending, now)?.gas,
        };
        let tip = tip.unwrap_or_else(|| u128::from(self.settings.tip));
        let base_fee = u128::from(self.next_environment(now).base_fee);
        let transaction = TxEip1559 {
            chain_id: self.settings.chain_id,
            nonce: match nonce {
                Some(nonce) => nonce,
                None => self.nonce(sender, BlockId::Pending)?,
            },
            gas_limit,
            max_fee_per_gas: fee_cap.unwrap_or(2 * base_fee + tip),
            max_priority_fee_per_gas: tip,
            to: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            access_list: AccessList::default(),
            input: call.input,
        };
        let envelope = keys::sign_transaction(&key, transaction);
        self.send(Signed {
            hash: *envelope.tx_hash(),
            envelope,
            sender,
        })
    }

    /// The accounts whose keys the chain holds.
    pub fn accounts(&self) -> Vec<Address> {
        let keys = self.settings.keys.iter();
        keys.filter_map(|key| Some(keys::address(&keys::parse(*key)?)))
            .collect()
    }

    /// Signs a text the way wallets do, with one of the chain's own keys.
    pub fn sign(&self, account: Address, text: &[u8]) -> Result<Signature, SendError> {
        let key = self
            .key_of(account)
            .ok_or(SendError::UnknownAccount(account))?;
        Ok(keys::sign_personal(&key, text))
    }

    /// Takes a transaction in that was checked already, or comes back from a removed block.
    pub(super) fn send(&mut self, signed: Signed) -> Result<B256, SendError> {
        self.check(&signed)?;
        let hash = signed.hash;
        self.pool.add(Arc::new(signed))?;
        self.events.add(Event::Waiting(hash));
        Ok(hash)
    }

    fn check(&self, signed: &Signed) -> Result<(), SendError> {
        let transaction = &signed.envelope;
        let wanted = self.settings.chain_id;
        if let Some(found) = transaction.chain_id()
            && found != wanted
        {
            return Err(SendError::ChainId { found, wanted });
        }
        let (asked, limit) = (transaction.gas_limit(), self.settings.gas_limit);
        if asked > limit {
            return Err(SendError::GasLimit { asked, limit });
        }
        let cap = transaction.max_fee_per_gas();
        if let Some(tip) = transaction.max_priority_fee_per_gas()
            && tip > cap
        {
            return Err(SendError::TipAboveCap { tip, cap });
        }
        let state = self.canon.state();
        let (next, found) = (state.nonce(signed.sender), transaction.nonce());
        if found < next {
            return Err(SendError::NonceLow { next, found });
        }
        let needed = minimum_gas(&self.settings, signed);
        if asked < needed {
            return Err(SendError::IntrinsicGas {
                given: asked,
                needed,
            });
        }
        let have = state.balance(signed.sender);
        let gas = U256::from(asked).saturating_mul(U256::from(cap));
        let want = gas.saturating_add(transaction.value());
        if have < want {
            let sender = signed.sender;
            return Err(SendError::Funds { sender, have, want });
        }
        Ok(())
    }

    fn key_of(&self, account: Address) -> Option<secp256k1::SecretKey> {
        let keys = self.settings.keys.iter();
        keys.filter_map(|key| keys::parse(*key))
            .find(|key| keys::address(key) == account)
    }
}

/// A transaction from its bytes, with its sender.
pub(crate) fn decode(bytes: &[u8]) -> Result<Signed, SendError> {
    let mut rest = bytes;
    let envelope = TxEnvelope::decode_2718(&mut rest)
        .map_err(|error| SendError::Malformed(error.to_string()))?;
    if !rest.is_empty() {
        let left = rest.len();
        return Err(SendError::Malformed(format!("{left} bytes follow it")));
    }
    if matches!(envelope, TxEnvelope::Eip4844(_)) {
        return Err(SendError::Blobs);
    }
    let sender = envelope
        .recover_signer()
        .map_err(|_| SendError::Signature)?;
    Ok(Signed {
        hash: *envelope.tx_hash(),
        envelope,
        sender,
    })
}
