//! Accounts, code and storage at one point of the chain.
//!
//! A state shares what it has in common with the states it came from, so keeping one per block
//! costs what the block changed. Roots are those of the real tries.

use std::convert::Infallible;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, TrieAccount, root};
use imbl::{HashMap, OrdMap};
use revm::Database;
use revm::bytecode::Bytecode;
use revm::state::{AccountInfo, EvmState};

/// The accounts of a chain. Cloning costs nothing to speak of.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// By hashed address, which is the order of the trie.
    accounts: OrdMap<B256, Account>,
    codes: HashMap<B256, Bytecode>,
    /// `None` while changes are not worked in.
    root: Option<B256>,
}

#[derive(Clone)]
struct Account {
    nonce: u64,
    balance: U256,
    code_hash: B256,
    /// By hashed key, which is the order of the trie. No value is zero.
    storage: OrdMap<B256, U256>,
    /// `None` while changes are not worked in.
    storage_root: Option<B256>,
}

/// A change that no transaction makes: what people who try things out ask for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Edit {
    /// The balance of an account, in wei.
    Balance(Address, U256),
    /// The nonce of an account.
    Nonce(Address, u64),
    /// One word of storage: where, which, what.
    Storage(Address, U256, U256),
    /// The code of an account.
    Code(Address, Bytes),
}

impl State {
    /// The balance of an account, in wei.
    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |a| a.balance)
    }

    /// The number of the next transaction of an account.
    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    /// The code of a contract, empty where there is none.
    pub(crate) fn code(&self, address: Address) -> Bytes {
        let code = self
            .account(address)
            .and_then(|account| self.codes.get(&account.code_hash));
        code.map_or_else(Bytes::new, Bytecode::original_bytes)
    }

    /// One word of a contract's storage.
    pub(crate) fn storage(&self, address: Address, key: U256) -> U256 {
        let hashed = keccak256(key.to_be_bytes::<32>());
        self.account(address)
            .and_then(|account| account.storage.get(&hashed))
            .copied()
            .unwrap_or_default()
    }

    /// Changes the state as no transaction could.
    pub(crate) fn edit(&mut self, edit: &Edit) {
        match edit {
            Edit::Balance(address, balance) => self.set_balance(*address, *balance),
            Edit::Nonce(address, nonce) => self.change(*address, |account| account.nonce = *nonce),
            Edit::Storage(address, key, value) => {
                self.change(*address, |account| account.store(*key, *value));
            }
            Edit::Code(address, code) => {
                let code = Bytecode::new_raw(code.clone());
                let hash = code.hash_slow();
                self.codes.insert(hash, code);
                self.change(*address, |account| account.code_hash = hash);
            }
        }
    }

    pub(crate) fn set_balance(&mut self, address: Address, balance: U256) {
        self.change(address, |account| account.balance = balance);
    }

    /// Works in what a transaction changed.
    pub(crate) fn commit(&mut self, changes: EvmState) {
        for (address, changed) in changes {
            if !changed.is_touched() {
                continue;
            }
            if changed.is_selfdestructed() || (changed.is_empty() && !changed.is_created()) {
                self.accounts.remove(&keccak256(address));
                self.root = None;
                continue;
            }
            if let Some(code) = &changed.info.code
                && !code.is_empty()
            {
                self.codes.insert(changed.info.code_hash, code.clone());
            }
            let created = changed.is_created();
            self.change(address, |account| {
                if created {
                    account.storage = OrdMap::new();
                    account.storage_root = None;
                }
                account.nonce = changed.info.nonce;
                account.balance = changed.info.balance;
                account.code_hash = changed.info.code_hash;
                for (key, slot) in changed.storage.iter().filter(|(_, slot)| slot.is_changed()) {
                    account.store(*key, slot.present_value);
                }
            });
        }
    }

    /// The root of the state trie.
    pub(crate) fn root(&mut self) -> B256 {
        if let Some(root) = self.root {
            return root;
        }
        let dirty: Vec<B256> = self
            .accounts
            .iter()
            .filter(|(_, account)| account.storage_root.is_none())
            .map(|(hashed, _)| *hashed)
            .collect();
        for hashed in dirty {
            if let Some(account) = self.accounts.get_mut(&hashed) {
                let slots = account.storage.iter();
                let slots = slots.map(|(hashed, value)| (*hashed, *value));
                account.storage_root = Some(root::storage_root(slots));
            }
        }
        let root = root::state_root(self.accounts.iter().map(|(hashed, account)| {
            let account = TrieAccount {
                nonce: account.nonce,
                balance: account.balance,
                storage_root: account.storage_root.unwrap_or(EMPTY_ROOT_HASH),
                code_hash: account.code_hash,
            };
            (*hashed, account)
        }));
        self.root = Some(root);
        root
    }

    fn account(&self, address: Address) -> Option<&Account> {
        self.accounts.get(&keccak256(address))
    }

    fn change(&mut self, address: Address, change: impl FnOnce(&mut Account)) {
        let account = self
            .accounts
            .entry(keccak256(address))
            .or_insert_with(|| Account {
                nonce: 0,
                balance: U256::ZERO,
                code_hash: KECCAK256_EMPTY,
                storage: OrdMap::new(),
                storage_root: None,
            });
        change(account);
        self.root = None;
    }
}

impl Account {
    fn store(&mut self, key: U256, value: U256) {
        let hashed = keccak256(key.to_be_bytes::<32>());
        if value.is_zero() {
            self.storage.remove(&hashed);
        } else {
            self.storage.insert(hashed, value);
        }
        self.storage_root = None;
    }
}

/// A state as the EVM reads it, with the hashes of the blocks before.
pub(crate) struct View<'a> {
    pub(crate) state: &'a State,
    pub(crate) block_hash: &'a dyn Fn(u64) -> B256,
}

impl Database for View<'_> {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.state.account(address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            code: None,
            ..AccountInfo::default()
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Infallible> {
        Ok(self
            .state
            .codes
            .get(&code_hash)
            .cloned()
            .unwrap_or_default())
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Infallible> {
        Ok(self.state.storage(address, key))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        Ok((self.block_hash)(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_nothing_is_the_empty_root_and_changes_come_back_to_it() {
        let mut state = State::default();
        assert_eq!(state.root(), EMPTY_ROOT_HASH);
        let address = Address::repeat_byte(7);
        state.set_balance(address, U256::from(5));
        let funded = state.root();
        assert_ne!(funded, EMPTY_ROOT_HASH);
        let before = state.clone();
        state.edit(&Edit::Storage(address, U256::from(1), U256::from(2)));
        assert_ne!(state.root(), funded);
        state.edit(&Edit::Storage(address, U256::from(1), U256::ZERO));
        assert_eq!(state.root(), funded);
        assert_eq!(before.storage(address, U256::from(1)), U256::ZERO);
    }
}
