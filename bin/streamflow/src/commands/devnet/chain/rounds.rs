//! Rounds that advance: somebody must initialise each, and on a development chain this does.

use std::time::Duration;

use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use streamflow_chain::contracts::RoundsManager;
use streamflow_chain::deploy::Deployment;
use streamflow_devchain::{BlockId, Call, Node, Unsigned};
use streamflow_runtime::Shutdown;

/// Gas for initialising a round, with room.
const GAS: u64 = 1_000_000;

/// Initialises each round when it begins, until `shutdown` drains.
pub(super) async fn keep(
    node: &Node,
    deployment: &Deployment,
    signers: &[PrivateKeySigner],
    block_time: Duration,
    shutdown: &Shutdown,
) {
    let (Some(rounds), Some(keeper)) = (deployment.contract("RoundsManager"), signers.last())
    else {
        return;
    };
    let mut interval = tokio::time::interval(block_time);
    loop {
        tokio::select! {
            () = shutdown.draining() => return,
            _ = interval.tick() => initialise(node, rounds, keeper.address()),
        }
    }
}

fn initialise(node: &Node, rounds: Address, keeper: Address) {
    let call = |input: Vec<u8>| Call {
        from: keeper,
        to: Some(rounds),
        gas: Some(GAS),
        input: input.into(),
        ..Call::default()
    };
    let asked = call(RoundsManager::currentRoundInitializedCall {}.abi_encode());
    let waiting = node.with(|chain| {
        let nonce = |at| chain.nonce(keeper, at).unwrap_or_default();
        nonce(BlockId::Pending) > nonce(BlockId::Latest)
    });
    let answer = node.with(|chain| chain.call(&asked, BlockId::Latest, 0));
    let decoded = answer.map(|answer| {
        RoundsManager::currentRoundInitializedCall::abi_decode_returns(&answer).unwrap_or(true)
    });
    if waiting || decoded.unwrap_or(true) {
        return;
    }
    let unsigned = Unsigned {
        call: call(RoundsManager::initializeRoundCall {}.abi_encode()),
        ..Unsigned::default()
    };
    if let Err(error) = node.send(|chain| chain.send_unsigned(unsigned, 0)) {
        tracing::warn!(%error, "the round could not be initialised");
    }
}
