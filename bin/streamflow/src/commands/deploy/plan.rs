//! What a deployment will do and cost: the whole of it is carried out on a chain in this process,
//! and what stands on the real one is looked up.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use anyhow::Context;
use streamflow_chain::Account;
use streamflow_chain::deploy::{Deployment, Forgotten, Parameters, Progress, deploy, look};
use streamflow_devchain::{Chain, InProcess, Mining, Node, Settings};
use streamflow_runtime::SystemClock;

use super::key::Key;
use super::refusals;

/// Signs on the chain in this process where the real key is elsewhere.
const STAND_IN: B256 = B256::repeat_byte(0x11);

/// All steps of a deployment, in order.
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
}

/// One transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    /// The contract that is made.
    pub(super) address: Option<Address>,
    /// Gas that it takes, or took.
    pub(super) gas: u64,
    /// Whether the chain shows its effect.
    pub(super) done: bool,
}

impl Step {
    pub(super) fn taken(&mut self, address: Option<Address>, gas: u64) {
        self.address = address;
        self.gas = gas;
        self.done = true;
    }
}

impl Plan {
    pub(super) fn is_done(&self) -> bool {
        self.steps.iter().all(|step| step.done)
    }

    /// Gas of what is left to do.
    pub(super) fn gas(&self) -> u64 {
        let left = self.steps.iter().filter(|step| !step.done);
        left.map(|step| step.gas).sum()
    }
}

/// Lays out what has to be done on the account's chain.
pub(super) async fn make(
    account: &Account,
    key: &Key,
    parameters: &Parameters,
    found: Option<Deployment>,
) -> anyhow::Result<Plan> {
    let mut steps = rehearse(account.chain_id().await?, key, parameters).await?;
    let mut done = Vec::new();
    if found.is_some() {
        let mut report = |progress: Progress| done.push(progress);
        let all = look(account, parameters, found, &mut report)
            .await
            .map_err(|error| refusals::deployment(error, "the endpoint"))?;
        let names: BTreeSet<_> = done.iter().map(|progress| &progress.step).collect();
        for step in &mut steps {
            step.done = all || names.contains(&step.name);
        }
    }
    let mut nonce = account
        .nonce()
        .await
        .map_err(|error| refusals::account(error, crate::failure::Exit::Unreachable))?;
    for step in &mut steps {
        let made = done.iter().find(|progress| progress.step == step.name);
        let made = made.and_then(|progress| progress.address);
        if step.address.is_some() {
            // A contract's address follows from who makes it and how much that account has sent.
            step.address = Some(made.unwrap_or_else(|| account.address().create(nonce)));
        }
        nonce += u64::from(!step.done);
    }
    Ok(Plan { steps })
}

/// Every transaction of a deployment from nothing, with its gas.
async fn rehearse(chain_id: u64, key: &Key, parameters: &Parameters) -> anyhow::Result<Vec<Step>> {
    let signer = match key.signer() {
        Some(signer) => signer.clone(),
        None => PrivateKeySigner::from_bytes(&STAND_IN).context("the stand-in is a key")?,
    };
    let mut settings = Settings::with_keys(Vec::new(), U256::ZERO)?;
    settings.chain_id = chain_id;
    settings.balances = vec![(signer.address(), U256::MAX >> 1)];
    let clock = Arc::new(SystemClock);
    let node = Node::new(Chain::new(settings), Mining::Automatic, clock);
    let account = Account::new(RpcClient::new(InProcess::new(node), true), signer);
    // Contracts of others are not on that chain; ours stand in for them.
    let others = [
        ("deploy LivepeerToken", parameters.token.is_some()),
        ("deploy L2LPTDataCache", parameters.l1_supply.is_some()),
    ];
    let parameters = Parameters {
        token: None,
        l1_supply: None,
        ..parameters.clone()
    };
    let mut steps = Vec::new();
    let mut report = |progress: Progress| {
        let is_others = |(name, given): &(&str, bool)| *given && *name == progress.step;
        if let Some(spent) = progress.spent
            && !others.iter().any(is_others)
        {
            steps.push(Step {
                name: progress.step,
                address: progress.address,
                gas: spent.gas,
                done: false,
            });
        }
    };
    deploy(&account, &parameters, None, &mut Forgotten, &mut report)
        .await
        .context("the rehearsal on a chain in this process")?;
    Ok(steps)
}
