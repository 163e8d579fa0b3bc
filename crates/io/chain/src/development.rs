//! The accounts of development networks, whose keys everybody knows.

use alloy_primitives::B256;
use alloy_signer_local::coins_bip39::English;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};

/// The words that development tools take where none are given.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// Words that give no keys. Twelve to twenty-four words of the English list are wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the seed is not a mnemonic of 12 to 24 English words: {reason}")]
pub struct SeedError {
    reason: String,
}

/// The first accounts of a mnemonic, by the path that wallets use for Ethereum.
pub fn accounts(mnemonic: &str, count: u32) -> Result<Vec<PrivateKeySigner>, SeedError> {
    let account = |index| {
        let builder = MnemonicBuilder::<English>::default().phrase(mnemonic);
        let builder = builder.index(index).map_err(refuse)?;
        builder.build().map_err(refuse)
    };
    (0..count).map(account).collect()
}

/// The secret key of an account, to show it or to give it to a chain.
pub fn secret(account: &PrivateKeySigner) -> B256 {
    account.to_bytes()
}

fn refuse(error: impl std::fmt::Display) -> SeedError {
    SeedError {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::address;

    use super::*;

    #[test]
    fn the_usual_words_give_the_usual_accounts() {
        let accounts = accounts(MNEMONIC, 2).expect("the words are a mnemonic");
        let first = address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266");
        assert_eq!(accounts[0].address(), first);
        let second = address!("70997970c51812dc3a010c7d01b50e0d17dc79c8");
        assert_eq!(accounts[1].address(), second);
    }

    #[test]
    fn other_words_are_refused() {
        let refused = accounts("no mnemonic at all", 1).expect_err("these are no mnemonic");
        assert!(refused.to_string().contains("12 to 24 English words"));
    }
}
