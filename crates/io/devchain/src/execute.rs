//! One transaction or call through the EVM.

use std::convert::Infallible;

use alloy_consensus::{Transaction, TxEnvelope};
use alloy_eips::Typed2718;
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use revm::context::either::Either;
use revm::context::result::{EVMError, ExecutionResult, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::database_interface::EmptyDB;
use revm::inspector::{InspectEvm, Inspector};
use revm::interpreter::interpreter::EthInterpreter;
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteEvm, MainBuilder, MainContext};

use crate::block::Signed;
use crate::settings::Settings;
use crate::state::View;

/// What a transaction may refuse to run for, or what a bug in the chain would be.
pub(crate) type RunError = EVMError<Infallible>;

/// The context of one run, as inspectors see it.
pub(crate) type RunContext<'a> = revm::handler::MainnetContext<View<'a>>;

/// The block a transaction runs in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) number: u64,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    pub(crate) prevrandao: B256,
}

/// What is called or simulated. Absent fields have the defaults of JSON-RPC.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Who calls; the zero address where absent. No balance is asked of it.
    pub from: Address,
    /// What is called; `None` makes a contract.
    pub to: Option<Address>,
    /// The most gas it may use; a block's where absent.
    pub gas: Option<u64>,
    /// The price of gas, zero where absent.
    pub gas_price: Option<u128>,
    /// Wei sent along.
    pub value: U256,
    /// What is sent to the contract.
    pub input: Bytes,
    /// Slots that count as read before.
    pub access_list: AccessList,
}

impl Environment {
    fn block(&self, settings: &Settings) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: settings.coinbase,
            timestamp: U256::from(self.timestamp),
            gas_limit: settings.gas_limit,
            basefee: self.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice {
                excess_blob_gas: 0,
                blob_gasprice: 1,
            }),
            slot_num: 0,
        }
    }
}

/// Runs a signed transaction by the full rules.
pub(crate) fn transact(
    settings: &Settings,
    environment: &Environment,
    view: View<'_>,
    transaction: &Signed,
) -> Result<ResultAndState, RunError> {
    let config = config(settings);
    let context = Context::mainnet()
        .with_db(view)
        .with_block(environment.block(settings))
        .with_cfg(config);
    context
        .build_mainnet()
        .transact(environment_of(transaction))
}

/// Runs a call that nobody signed: no nonce, no balance for gas.
pub(crate) fn call(
    settings: &Settings,
    environment: &Environment,
    view: View<'_>,
    call: &Call,
) -> Result<ExecutionResult, RunError> {
    let context = call_context(settings, environment, view);
    let transaction = call_transaction(settings, call);
    let ran = context.build_mainnet().transact(transaction)?;
    Ok(ran.result)
}

/// Runs a call and lets `inspector` watch.
pub(crate) fn inspect<'a, I>(
    settings: &Settings,
    environment: &Environment,
    view: View<'a>,
    call: &Call,
    inspector: I,
) -> Result<ExecutionResult, RunError>
where
    I: Inspector<RunContext<'a>, EthInterpreter>,
{
    let context = call_context(settings, environment, view);
    let transaction = call_transaction(settings, call);
    let mut evm = context.build_mainnet_with_inspector(inspector);
    evm.inspect_one_tx(transaction)
}

fn call_context<'a>(
    settings: &Settings,
    environment: &Environment,
    view: View<'a>,
) -> RunContext<'a> {
    let mut config = config(settings);
    config.disable_nonce_check = true;
    config.disable_balance_check = true;
    config.disable_base_fee = true;
    config.disable_block_gas_limit = true;
    config.disable_eip3607 = true;
    Context::<BlockEnv, TxEnv, CfgEnv, EmptyDB>::mainnet()
        .with_db(view)
        .with_block(environment.block(settings))
        .with_cfg(config)
}

fn call_transaction(settings: &Settings, call: &Call) -> TxEnv {
    TxEnv {
        caller: call.from,
        kind: call.to.map_or(TxKind::Create, TxKind::Call),
        gas_limit: call.gas.unwrap_or(settings.gas_limit),
        gas_price: call.gas_price.unwrap_or_default(),
        value: call.value,
        data: call.input.clone(),
        chain_id: Some(settings.chain_id),
        access_list: call.access_list.clone(),
        ..TxEnv::default()
    }
}

fn config(settings: &Settings) -> CfgEnv {
    let mut config = CfgEnv::new_with_spec(SpecId::default());
    config.set_spec_and_mainnet_gas_params(settings.fork.spec());
    config.chain_id = settings.chain_id;
    config
}

pub(crate) fn environment_of(signed: &Signed) -> TxEnv {
    let transaction = &signed.envelope;
    let authorizations = match transaction {
        TxEnvelope::Eip7702(signed) => signed.tx().authorization_list.clone(),
        _ => Vec::new(),
    };
    TxEnv {
        tx_type: transaction.ty(),
        caller: signed.sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: authorizations.into_iter().map(Either::Left).collect(),
    }
}
