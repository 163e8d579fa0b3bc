//! An account on a chain: it reads, it sends, and it looks at what came of it.

use std::time::Duration;

use alloy_network::{EthereumWallet, TransactionBuilder};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_provider::{DynProvider, Provider, ProviderBuilder};
use alloy_rpc_client::RpcClient;
use alloy_rpc_types_eth::{TransactionReceipt, TransactionRequest};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use alloy_transport::{RpcError, TransportErrorKind};

/// How long a transaction may take until it is mined.
const MINED_LIMIT: Duration = Duration::from_secs(300);

/// After the first question for a receipt; twice as long after each further one.
const RECEIPT_SOON: Duration = Duration::from_millis(4);

/// Between two questions for a receipt at most.
const RECEIPT_INTERVAL: Duration = Duration::from_millis(500);

/// An account that signs with a key of its own.
#[derive(Clone)]
pub struct Account {
    provider: DynProvider,
    address: Address,
    highest_price: Option<u128>,
}

/// A transaction before it is sent.
#[derive(Debug, Clone)]
pub struct Call {
    /// What is called; `None` makes a contract.
    pub to: Option<Address>,
    /// What is sent to it.
    pub input: Bytes,
    /// Wei sent along.
    pub value: U256,
}

/// Why something on the chain did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The endpoint could not be asked. It may be down, or the address wrong.
    #[error("{what}: {reason}")]
    Endpoint {
        /// What was asked.
        what: String,
        /// Why there is no answer.
        reason: String,
    },
    /// The endpoint answered that it will not, or that the transaction would revert.
    #[error("{what}: {reason}")]
    Refused {
        /// What was asked.
        what: String,
        /// The endpoint's words.
        reason: String,
    },
    /// Gas costs more now than was allowed. Nothing was sent; it may cost less later.
    #[error("{what}: gas costs {price} wei now, more than the {highest} wei allowed")]
    GasPrice {
        /// What was to be sent.
        what: String,
        /// What gas costs now, in wei.
        price: u128,
        /// What it may cost at most, in wei.
        highest: u128,
    },
    /// The endpoint's answer is not what the contract answers. Is it the right contract?
    #[error("{what}: the answer cannot be read: {reason}")]
    Answer {
        /// What was asked.
        what: String,
        /// Why.
        reason: String,
    },
    /// The transaction was mined and reverted.
    #[error("{what}: transaction {hash} reverted")]
    Reverted {
        /// What was tried.
        what: String,
        /// The transaction.
        hash: B256,
    },
    /// The transaction was sent and not mined in time. It may still be.
    #[error("{what}: transaction {hash} is not mined after {} s; run again to go on from here", .limit.as_secs())]
    NotMined {
        /// What was tried.
        what: String,
        /// The transaction.
        hash: B256,
        /// How long was waited.
        limit: Duration,
    },
}

impl AccountError {
    fn endpoint(what: &str, error: &RpcError<TransportErrorKind>) -> Self {
        let what = what.to_owned();
        match error {
            RpcError::ErrorResp(payload) => Self::Refused {
                what,
                reason: payload.message.to_string(),
            },
            other => Self::Endpoint {
                what,
                reason: other.to_string(),
            },
        }
    }
}

impl Account {
    /// An account behind an endpoint.
    pub fn new(client: RpcClient, signer: PrivateKeySigner) -> Self {
        let address = signer.address();
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(signer))
            .connect_client(client);
        Self {
            provider: provider.erased(),
            address,
            highest_price: None,
        }
    }

    /// An account whose key is elsewhere: it reads, and nothing can be sent from it.
    pub fn without_key(client: RpcClient, address: Address) -> Self {
        Self {
            provider: ProviderBuilder::new().connect_client(client).erased(),
            address,
            highest_price: None,
        }
    }

    /// The same account, that sends nothing while gas costs more than this many wei.
    pub const fn with_highest_gas_price(mut self, wei: u128) -> Self {
        self.highest_price = Some(wei);
        self
    }

    /// Who signs.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The number of the chain.
    pub async fn chain_id(&self) -> Result<u64, AccountError> {
        self.asked("chain id", self.provider.get_chain_id().await)
    }

    /// The number of the newest block.
    pub async fn block_number(&self) -> Result<u64, AccountError> {
        self.asked("block number", self.provider.get_block_number().await)
    }

    /// Wei that the account holds.
    pub async fn balance(&self) -> Result<U256, AccountError> {
        let balance = self.provider.get_balance(self.address).await;
        self.asked("balance", balance)
    }

    /// What one gas costs, in wei.
    pub async fn gas_price(&self) -> Result<u128, AccountError> {
        self.asked("gas price", self.provider.get_gas_price().await)
    }

    /// The next nonce, with what waits counted.
    pub async fn nonce(&self) -> Result<u64, AccountError> {
        let nonce = self.provider.get_transaction_count(self.address).pending();
        self.asked("nonce", nonce.await)
    }

    /// Whether a contract is at an address.
    pub async fn has_code(&self, address: Address) -> Result<bool, AccountError> {
        let code = self.provider.get_code_at(address).await;
        Ok(!self.asked("code", code)?.is_empty())
    }

    /// Asks a contract.
    pub async fn read<C: SolCall>(&self, to: Address, call: C) -> Result<C::Return, AccountError> {
        let request = TransactionRequest::default()
            .with_from(self.address)
            .with_to(to)
            .with_input(call.abi_encode());
        let answer = self.asked(C::SIGNATURE, self.provider.call(request).await)?;
        C::abi_decode_returns(&answer).map_err(|error| AccountError::Answer {
            what: C::SIGNATURE.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Sends a transaction, waits until it is mined, and gives the receipt of a success.
    pub async fn send(&self, what: &str, call: Call) -> Result<TransactionReceipt, AccountError> {
        let mut request = TransactionRequest::default()
            .with_from(self.address)
            .with_input(call.input)
            .with_value(call.value);
        request.to = Some(call.to.map_or(TxKind::Create, TxKind::Call));
        if let Some(highest) = self.highest_price {
            self.price(what, highest, &mut request).await?;
        }
        let sent = self.provider.send_transaction(request).await;
        let hash = *self.asked(what, sent)?.tx_hash();
        let receipt = self.mined(what, hash).await?;
        if receipt.status() {
            Ok(receipt)
        } else {
            let what = what.to_owned();
            Err(AccountError::Reverted { what, hash })
        }
    }

    /// Sets the price of a transaction so that it cannot cost more than `highest`.
    async fn price(
        &self,
        what: &str,
        highest: u128,
        request: &mut TransactionRequest,
    ) -> Result<(), AccountError> {
        let price = self.gas_price().await?;
        if price > highest {
            let what = what.to_owned();
            return Err(AccountError::GasPrice {
                what,
                price,
                highest,
            });
        }
        // Chains without a fee market have no estimate of one; there the price itself is paid.
        match self.provider.estimate_eip1559_fees().await {
            Ok(fees) => {
                let cap = fees.max_fee_per_gas.min(highest);
                request.max_fee_per_gas = Some(cap);
                request.max_priority_fee_per_gas = Some(fees.max_priority_fee_per_gas.min(cap));
            }
            Err(_) => request.gas_price = Some(price),
        }
        Ok(())
    }

    async fn mined(&self, what: &str, hash: B256) -> Result<TransactionReceipt, AccountError> {
        let wait = async {
            let mut pause = RECEIPT_SOON;
            loop {
                let receipt = self.provider.get_transaction_receipt(hash).await;
                if let Some(receipt) = self.asked(what, receipt)? {
                    return Ok(receipt);
                }
                tokio::time::sleep(pause).await;
                pause = RECEIPT_INTERVAL.min(pause * 2);
            }
        };
        let waited = tokio::time::timeout(MINED_LIMIT, wait).await;
        waited.unwrap_or_else(|_| {
            Err(AccountError::NotMined {
                what: what.to_owned(),
                hash,
                limit: MINED_LIMIT,
            })
        })
    }

    fn asked<T>(
        &self,
        what: &str,
        answer: Result<T, RpcError<TransportErrorKind>>,
    ) -> Result<T, AccountError> {
        answer.map_err(|error| AccountError::endpoint(what, &error))
    }
}
