//! The plan of a deployment, or what came of it, for people and for programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alloy_primitives::{Address, U256};
use serde_json::{Value, json};
use streamflow_chain::known_chain;

use super::Task;
use super::parameters::{Preset, plain};
use super::plan::Plan;
use crate::output::{Output, table};
use crate::units::{ether, gwei};

/// Everything that is shown.
pub(super) struct Report {
    pub(super) plan: Plan,
    pub(super) deployer: Address,
    pub(super) balance: U256,
    /// Gas and wei that were spent.
    pub(super) took: Option<(u64, U256)>,
    /// Addresses by name, once they are there.
    pub(super) contracts: Option<BTreeMap<String, Address>>,
    price: u128,
    chain_id: u64,
    rpc: String,
    out: PathBuf,
    preset: Preset,
    own: Vec<String>,
    parameters: Value,
}

impl Report {
    pub(super) fn new(task: &Task, plan: Plan, price: u128, balance: U256) -> Self {
        let chosen = &task.chosen;
        Self {
            plan,
            deployer: task.key.address(),
            balance,
            took: None,
            contracts: None,
            price,
            chain_id: task.chain_id,
            rpc: task.rpc.clone(),
            out: task.out.clone(),
            preset: chosen.preset,
            own: chosen.own.clone(),
            parameters: Value::Object(plain(&chosen.parameters)),
        }
    }

    /// What is left to do costs this many wei at the price of now.
    pub(super) fn cost(&self) -> U256 {
        U256::from(self.plan.gas()).saturating_mul(U256::from(self.price))
    }

    /// `asked` is whether it was to be carried out.
    pub(super) fn print(&self, output: Output, asked: bool) {
        let warnings = self.warnings();
        output.data_with(&self.json(asked), &warnings, || self.text(asked));
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(network) = known_chain(self.chain_id) {
            warnings.push(format!(
                "chain {} is {}, where the protocol stands already, under the Controller {}",
                self.chain_id, network.name, network.controller
            ));
        }
        if self.took.is_none() && self.cost() > self.balance {
            warnings.push(format!(
                "{} holds {} ETH, less than this takes",
                self.deployer,
                ether(self.balance)
            ));
        }
        warnings
    }

    fn json(&self, asked: bool) -> Value {
        let steps = self.plan.steps.iter().map(|step| {
            json!({
                "step": step.name,
                "address": step.address.map(|address| address.to_string()),
                "gas": step.gas,
                "done": step.done,
            })
        });
        let contracts = self.contracts.iter().flatten();
        let contracts = contracts.map(|(name, address)| (name.clone(), json!(address.to_string())));
        json!({
            "dryRun": !asked,
            "complete": self.plan.is_done(),
            "chainId": self.chain_id,
            "deployer": self.deployer.to_string(),
            "preset": self.preset.name(),
            "parameters": self.parameters,
            "steps": steps.collect::<Vec<_>>(),
            "gasLeft": self.plan.gas(),
            "gasPriceWei": self.price.to_string(),
            "costWei": self.cost().to_string(),
            "balanceWei": self.balance.to_string(),
            "gasUsed": self.took.map(|(gas, _)| gas),
            "spentWei": self.took.map(|(_, wei)| wei.to_string()),
            "contracts": serde_json::Map::from_iter(contracts),
            "addressFile": self.out,
        })
    }

    fn text(&self, asked: bool) -> String {
        let mut parts = vec![
            format!(
                "chain {} at {}, from {}",
                self.chain_id, self.rpc, self.deployer
            ),
            self.parameters_line(),
            String::new(),
            self.steps(),
            String::new(),
        ];
        parts.extend(
            self.warnings()
                .into_iter()
                .map(|text| format!("warning: {text}")),
        );
        parts.push(self.end(asked));
        parts.join("\n")
    }

    fn parameters_line(&self) -> String {
        let preset = self.preset.name();
        if self.own.is_empty() {
            return format!("parameters: preset {preset}");
        }
        let own: Vec<_> = self
            .own
            .iter()
            .map(|name| {
                let value = &self.parameters[name];
                format!("{name} = {value}")
            })
            .collect();
        format!("parameters: preset {preset} with {}", own.join(", "))
    }

    fn steps(&self) -> String {
        let rows = self.plan.steps.iter().map(|step| {
            let address = step.address.map(|address| address.to_string());
            let state = if step.done { "done" } else { "to do" };
            [
                step.name.clone(),
                address.unwrap_or_default(),
                step.gas.to_string(),
                state.to_owned(),
            ]
        });
        table(["step", "contract", "gas", "state"], rows.collect())
    }

    fn end(&self, asked: bool) -> String {
        let file = self.out.display();
        if let Some((gas, wei)) = self.took {
            let cost = ether(wei);
            return format!("done for {gas} gas, {cost} ETH; the addresses are in {file}");
        }
        if self.plan.is_done() {
            return format!("all is done already; the addresses are in {file}");
        }
        let left = self.plan.steps.iter().filter(|step| !step.done).count();
        let price = gwei(self.price);
        let cost = format!(
            "{left} transactions, {} gas: {} ETH at {price} gwei; {} holds {} ETH",
            self.plan.gas(),
            ether(self.cost()),
            self.deployer,
            ether(self.balance)
        );
        debug_assert!(!asked, "what was asked for is done by now");
        format!("{cost}\nnothing was sent: --yes sends them and writes the addresses to {file}")
    }
}
