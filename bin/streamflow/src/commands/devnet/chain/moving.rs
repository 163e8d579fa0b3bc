//! `devnet mine` and `devnet round`: they move the chain that runs from a data folder.

use std::time::Duration;

use alloy_primitives::Address;
use alloy_rpc_client::RpcClient;
use anyhow::Context;
use serde_json::json;
use streamflow_chain::contracts::RoundsManager;
use streamflow_chain::deploy::Deployment;
use streamflow_chain::{Account, connect};
use tokio::time::{sleep, timeout};

use super::Facts;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// How long a round may take to be initialised, once its first block is there.
const INITIALISED_LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Mines blocks at once.
pub(crate) async fn mine(facts: &Facts, blocks: u64, output: Output) -> anyhow::Result<()> {
    let chain = Moved::reach(facts).await?;
    chain.mine(blocks).await?;
    let head = chain.account.block_number().await?;
    output.data(&json!({"mined": blocks, "block": head}), || {
        format!("{blocks} blocks mined; the newest is {head}")
    });
    Ok(())
}

/// Mines into the next round and waits until it is initialised.
pub(crate) async fn round(facts: &Facts, output: Output) -> anyhow::Result<()> {
    let chain = Moved::reach(facts).await?;
    let length: u64 = chain.length().await?;
    let (before, start) = (chain.round().await?, chain.start().await?);
    let head = chain.account.block_number().await?;
    // At least one: the chain may be in the last block of the round already.
    let blocks = (start + length).saturating_sub(head).max(1);
    chain.mine(blocks).await?;
    let begun = timeout(INITIALISED_LIMIT, chain.initialised_after(before)).await;
    let round = begun.unwrap_or_else(|_| {
        let message = format!("the round is not initialised after {INITIALISED_LIMIT:?}");
        Err(Failure::new(Exit::Precondition, "round", message)
            .hint("is the system paused?")
            .into())
    })?;
    output.data(&json!({"mined": blocks, "round": round}), || {
        format!("{blocks} blocks mined; round {round} has begun")
    });
    Ok(())
}

struct Moved {
    client: RpcClient,
    account: Account,
    rounds: Address,
}

impl Moved {
    async fn reach(facts: &Facts) -> anyhow::Result<Self> {
        let client = connect(&facts.rpc)?;
        let account = Account::without_key(client.clone(), Address::ZERO);
        let deployment = Deployment::read(&facts.addresses())?;
        let found = account.chain_id().await;
        let (Ok(_), Some(deployment)) = (found, deployment) else {
            let message = format!("no chain of this data folder answers at {}", facts.rpc);
            let hint = "start one with streamflow devnet chain, or devnet up --chain embedded; name \
                        its folder with --data-dir and its address with --rpc";
            let failure = Failure::new(Exit::Unreachable, "no-chain", message);
            return Err(failure.hint(hint).into());
        };
        let rounds = deployment.contract("RoundsManager").context("the rounds")?;
        Ok(Self {
            client,
            account,
            rounds,
        })
    }

    async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        let mined = self.client.request::<_, ()>("anvil_mine", (blocks,)).await;
        mined.map_err(|error| {
            let reason = error
                .as_error_resp()
                .map(|payload| payload.message.to_string());
            let reason = reason.unwrap_or_else(|| error.to_string());
            Failure::new(Exit::Refused, "mine", reason).into()
        })
    }

    async fn length(&self) -> anyhow::Result<u64> {
        let call = RoundsManager::roundLengthCall {};
        Ok(self.account.read(self.rounds, call).await?.to())
    }

    async fn round(&self) -> anyhow::Result<u64> {
        let call = RoundsManager::currentRoundCall {};
        Ok(self.account.read(self.rounds, call).await?.to())
    }

    async fn start(&self) -> anyhow::Result<u64> {
        let call = RoundsManager::currentRoundStartBlockCall {};
        Ok(self.account.read(self.rounds, call).await?.to())
    }

    /// The number of the first initialised round after `before`, as soon as there is one.
    async fn initialised_after(&self, before: u64) -> anyhow::Result<u64> {
        loop {
            let round = self.round().await?;
            let call = RoundsManager::currentRoundInitializedCall {};
            if round > before && self.account.read(self.rounds, call).await? {
                return Ok(round);
            }
            sleep(LOOK_EVERY).await;
        }
    }
}
