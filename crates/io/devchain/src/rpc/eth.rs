//! The `eth_`, `net_` and `web3_` methods.

use alloy_primitives::{B256, Bytes, U64, U256, keccak256};
use serde_json::{Value, json};

use super::filter::{LogFilter, Topic};
use super::parameters::Parameters;
use super::{RpcError, view};
use crate::chain::{BlockId, Chain};
use crate::node::Node;

/// Blocks in one fee history at most.
const FEE_HISTORY: u64 = 1_024;

type Answer = Option<Result<Value, RpcError>>;

/// Reads of the chain and transactions. `None` where the method is of another group.
pub(super) fn call(node: &Node, method: &str, parameters: &Parameters) -> Answer {
    let now = node.unix();
    Some(match method {
        "eth_sendRawTransaction" => send_raw(node, parameters),
        "eth_sendTransaction" => parameters.transaction(0).and_then(|unsigned| {
            let sent = node.send(|chain| chain.send_unsigned(unsigned, now));
            Ok(json!(sent?))
        }),
        "eth_sign" | "personal_sign" => sign(node, method, parameters),
        _ => return node.with(|chain| read(chain, method, parameters, now)),
    })
}

fn read(chain: &mut Chain, method: &str, parameters: &Parameters, now: u64) -> Answer {
    let result = match method {
        "eth_chainId" => Ok(json!(U64::from(chain.settings().chain_id))),
        "net_version" => Ok(json!(chain.settings().chain_id.to_string())),
        "net_listening" => Ok(json!(true)),
        "net_peerCount" => Ok(json!("0x0")),
        "web3_clientVersion" => Ok(json!(concat!("streamflow/v", env!("CARGO_PKG_VERSION")))),
        "web3_sha3" => parameters
            .required::<Bytes>(0, "data")
            .map(|data| json!(keccak256(data))),
        "eth_syncing" => Ok(json!(false)),
        "eth_accounts" => Ok(json!(chain.accounts())),
        "eth_coinbase" => Ok(json!(chain.settings().coinbase)),
        "eth_blockNumber" => Ok(json!(U64::from(chain.head_block().number()))),
        "eth_gasPrice" => Ok(view::quantity(U256::from(gas_price(chain, now)))),
        "eth_maxPriorityFeePerGas" => Ok(json!(U64::from(chain.settings().tip))),
        "eth_feeHistory" => fee_history(chain, parameters, now),
        "eth_getBalance" | "eth_getTransactionCount" | "eth_getCode" | "eth_getStorageAt" => {
            account(chain, method, parameters)
        }
        "eth_call" => parameters.transaction(0).and_then(|transaction| {
            no_overrides(parameters, 2)?;
            let returned = chain.call(&transaction.call, parameters.block(1)?, now)?;
            Ok(json!(returned))
        }),
        "eth_estimateGas" => parameters.transaction(0).and_then(|transaction| {
            no_overrides(parameters, 2)?;
            let at = parameters
                .raw(1)
                .map_or(Ok(BlockId::Pending), |_| parameters.block(1))?;
            let estimate = chain.estimate(&transaction.call, at, now)?;
            Ok(json!(U64::from(estimate.gas)))
        }),
        _ => return blocks(chain, method, parameters),
    };
    Some(result)
}

fn blocks(chain: &Chain, method: &str, parameters: &Parameters) -> Answer {
    let found = |id: Result<BlockId, RpcError>| Ok::<_, RpcError>(chain.block(id?));
    let by_hash = || parameters.hash(0).map(BlockId::Hash);
    let counted = |block: Option<std::sync::Arc<crate::Block>>| {
        json!(block.map(|block| U64::from(block.transactions.len())))
    };
    let result = match method {
        "eth_getBlockByNumber" | "eth_getBlockByHash" => {
            let id = if method == "eth_getBlockByHash" {
                by_hash()
            } else {
                parameters.block(0)
            };
            found(id).and_then(|block| {
                let whole = parameters.optional(1, "whole")?.unwrap_or(false);
                Ok(json!(block.map(|block| view::block(&block, whole))))
            })
        }
        "eth_getBlockTransactionCountByNumber" => found(parameters.block(0)).map(counted),
        "eth_getBlockTransactionCountByHash" => found(by_hash()).map(counted),
        "eth_getBlockReceipts" => found(parameters.block(0)).map(|block| {
            let receipts = block.map(|block| {
                let places = 0..block.transactions.len();
                places
                    .map(|place| view::receipt(&block, place))
                    .collect::<Vec<_>>()
            });
            json!(receipts)
        }),
        "eth_getUncleCountByBlockHash" | "eth_getUncleCountByBlockNumber" => Ok(json!("0x0")),
        "eth_getTransactionByHash" => parameters.hash(0).map(|hash| transaction(chain, hash)),
        "eth_getTransactionReceipt" => parameters.hash(0).map(|hash| {
            let receipt = chain.mined(hash);
            json!(receipt.map(|(block, place)| view::receipt(&block, place)))
        }),
        "eth_getLogs" => filter(parameters).and_then(|(filter, span)| {
            let logs = filter.search(chain, span)?;
            Ok(json!(logs))
        }),
        _ => return None,
    };
    Some(result)
}

/// Filters that a client asks again and again. `None` where the method is of another group.
pub(super) fn filters(node: &Node, method: &str, parameters: &Parameters) -> Answer {
    let id = || parameters.number(0, "filter id");
    Some(match method {
        "eth_newFilter" => filter(parameters)
            .and_then(|(filter, span)| node.add_filter(Topic::Logs(filter), Some(span))),
        "eth_newBlockFilter" => node.add_filter(Topic::Blocks, None),
        "eth_newPendingTransactionFilter" => node.add_filter(Topic::Waiting, None),
        "eth_getFilterChanges" => id().and_then(|id| node.filter_changes(id)),
        "eth_getFilterLogs" => id().and_then(|id| node.filter_logs(id)),
        "eth_uninstallFilter" => id().map(|id| json!(node.remove_filter(id))),
        _ => return None,
    })
}

fn filter(parameters: &Parameters) -> Result<(LogFilter, super::filter::Span), RpcError> {
    let filter: Value = parameters.required(0, "filter")?;
    LogFilter::read(&filter, 0)
}

fn send_raw(node: &Node, parameters: &Parameters) -> Result<Value, RpcError> {
    let bytes: Bytes = parameters.required(0, "transaction")?;
    Ok(json!(node.send(|chain| chain.send_raw(&bytes))?))
}

/// `eth_sign` has the account first, `personal_sign` the text.
fn sign(node: &Node, method: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let (account, text) = if method == "eth_sign" { (0, 1) } else { (1, 0) };
    let account = parameters.address(account)?;
    let text: Bytes = parameters.required(text, "text")?;
    let signature = node.with(|chain| chain.sign(account, &text))?;
    Ok(json!(Bytes::copy_from_slice(&signature.as_bytes())))
}

fn account(chain: &Chain, method: &str, parameters: &Parameters) -> Result<Value, RpcError> {
    let address = parameters.address(0)?;
    Ok(match method {
        "eth_getBalance" => view::quantity(chain.balance(address, parameters.block(1)?)?),
        "eth_getTransactionCount" => {
            json!(U64::from(chain.nonce(address, parameters.block(1)?)?))
        }
        "eth_getCode" => json!(chain.code(address, parameters.block(1)?)?),
        _ => {
            let key: U256 = parameters.required(1, "slot")?;
            let word = chain.storage(address, key, parameters.block(2)?)?;
            json!(B256::from(word))
        }
    })
}

fn transaction(chain: &Chain, hash: B256) -> Value {
    if let Some((block, place)) = chain.mined(hash) {
        return view::mined(&block, place);
    }
    let waiting = chain.pending(hash);
    json!(waiting.map(|signed| view::waiting(&signed)))
}

fn no_overrides(parameters: &Parameters, place: usize) -> Result<(), RpcError> {
    match parameters.raw(place) {
        None => Ok(()),
        Some(_) => Err(RpcError::parameter(
            place,
            "overrides",
            "this chain offers none; use anvil_setBalance and its relatives on a snapshot",
        )),
    }
}

fn gas_price(chain: &Chain, now: u64) -> u128 {
    u128::from(chain.next_base_fee(now)) + u128::from(chain.settings().tip)
}

fn fee_history(chain: &Chain, parameters: &Parameters, now: u64) -> Result<Value, RpcError> {
    let count = parameters.number(0, "block count")?.clamp(1, FEE_HISTORY);
    let newest = parameters.block(1)?;
    let percentiles: Vec<f64> = parameters.optional(2, "percentiles")?.unwrap_or_default();
    let newest = chain
        .number(newest)
        .ok_or_else(|| RpcError::server("header not found"))?;
    let oldest = newest.saturating_sub(count - 1);
    let mut fees = Vec::new();
    let mut ratios = Vec::new();
    let mut rewards = Vec::new();
    for number in oldest..=newest {
        let Some(block) = chain.block(BlockId::Number(number)) else {
            continue;
        };
        let header = &block.header;
        let base = header.base_fee_per_gas.unwrap_or_default();
        fees.push(json!(U64::from(base)));
        ratios.push(header.gas_used as f64 / header.gas_limit as f64);
        let mut tips: Vec<u128> = block
            .transactions
            .iter()
            .map(|mined| mined.gas_price.saturating_sub(u128::from(base)))
            .collect();
        tips.sort_unstable();
        let of = |percentile: &f64| {
            let last = tips.len().saturating_sub(1) as f64;
            let place = (percentile.clamp(0.0, 100.0) / 100.0 * last).round() as usize;
            view::quantity(U256::from(tips.get(place).copied().unwrap_or_default()))
        };
        rewards.push(percentiles.iter().map(of).collect::<Vec<_>>());
    }
    fees.push(json!(U64::from(chain.next_base_fee(now))));
    let mut history = json!({
        "oldestBlock": U64::from(oldest),
        "baseFeePerGas": fees,
        "gasUsedRatio": ratios,
    });
    if !percentiles.is_empty() {
        history["reward"] = json!(rewards);
    }
    Ok(history)
}
