//! Putting the protocol on a chain.
//!
//! Every step looks first whether it is done, so a deployment can be interrupted anywhere and run
//! again. What was sent is believed only when the chain shows its effect.

mod parameters;
mod record;
mod steps;

pub use parameters::{Faucet, Parameters};
pub use record::{Deployment, Forgotten, Record, RecordError, RecordFile};

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};

use crate::account::{Account, AccountError, Call};
use crate::artifacts::artifact;
use crate::contracts::{Controller, key};

/// A step that was taken, or was found to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// What was done.
    pub step: String,
    /// The contract that was made.
    pub address: Option<Address>,
    /// Gas used; `None` where nothing was to be done.
    pub gas: Option<u64>,
}

/// Why a deployment stopped. Run again to go on from there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeployError {
    /// The parameters cannot work; all reasons are inside.
    #[error("{}", .0.join("; "))]
    Parameters(Vec<String>),
    /// The chain did not do it.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The step could not be written down, so it was not taken.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record is of another chain or account. Name another file.
    #[error("the record is of chain {chain_id} and deployer {deployer}: name another file")]
    OtherRecord {
        /// The chain of the record.
        chain_id: u64,
        /// Its deployer.
        deployer: Address,
    },
    /// A transaction was mined and changed nothing. Somebody else holds the rights.
    #[error("{0}: it was mined and the chain does not show its effect")]
    NoEffect(String),
}

/// Deploys everything, or what is missing of it. `found` is what an earlier run left.
pub async fn deploy(
    account: &Account,
    parameters: &Parameters,
    found: Option<Deployment>,
    record: &mut dyn Record,
    report: &mut (dyn FnMut(Progress) + Send),
) -> Result<Deployment, DeployError> {
    let problems = parameters.problems();
    if !problems.is_empty() {
        return Err(DeployError::Parameters(problems));
    }
    let chain_id = account.chain_id().await?;
    let deployment = match found {
        Some(found) if found.chain_id == chain_id && found.deployer == account.address() => found,
        Some(found) => {
            let Deployment {
                chain_id, deployer, ..
            } = found;
            return Err(DeployError::OtherRecord { chain_id, deployer });
        }
        None => Deployment {
            chain_id,
            deployer: account.address(),
            from_block: account.block_number().await?,
            complete: false,
            contracts: Default::default(),
        },
    };
    let mut work = Work {
        account,
        parameters,
        deployment,
        record,
        report,
    };
    work.all().await?;
    work.deployment.complete = true;
    work.record.keep(&work.deployment)?;
    Ok(work.deployment)
}

/// A deployment under way.
struct Work<'a> {
    account: &'a Account,
    parameters: &'a Parameters,
    deployment: Deployment,
    record: &'a mut dyn Record,
    report: &'a mut (dyn FnMut(Progress) + Send),
}

impl Work<'_> {
    fn address(&self, name: &str) -> Address {
        let address = self.deployment.contract(name);
        address.expect("steps come in the order in which they need one another")
    }

    /// Makes a contract, under a name of its own.
    async fn create(
        &mut self,
        name: &str,
        contract: &str,
        libraries: &[(&str, Address)],
        arguments: Vec<u8>,
    ) -> Result<Address, DeployError> {
        let step = format!("deploy {name}");
        if let Some(address) = self.deployment.contract(name)
            && self.account.has_code(address).await?
        {
            self.done(step, Some(address), None);
            return Ok(address);
        }
        let creation = artifact(contract).creation(libraries, &arguments);
        let input = creation.expect("the libraries given are those the contract needs");
        // Known beforehand, so that a kill between sending and writing loses nothing.
        let address = self.account.address().create(self.account.nonce().await?);
        self.deployment.contracts.insert(name.to_owned(), address);
        self.record.keep(&self.deployment)?;
        let receipt = self.send(&step, None, input).await?;
        if !self.account.has_code(address).await? {
            return Err(DeployError::NoEffect(step));
        }
        self.done(step, Some(address), Some(receipt));
        Ok(address)
    }

    /// Names a contract in the registry.
    async fn register(&mut self, name: &str, address: Address) -> Result<(), DeployError> {
        let id = key(name);
        let call = Controller::setContractInfoCall {
            id,
            contractAddress: address,
            gitCommitHash: self.parameters.commit,
        };
        let wanted = Controller::getContractCall { id };
        let controller = self.address("Controller");
        let step = format!("register {name}");
        self.ensure(&step, controller, wanted, address, call).await
    }

    /// Makes a contract behind a proxy: `name` is the proxy's, `nameTarget` the contract's.
    async fn create_proxied(
        &mut self,
        name: &str,
        libraries: &[(&str, Address)],
    ) -> Result<Address, DeployError> {
        let controller = self.address("Controller");
        let target = format!("{name}Target");
        let arguments = controller.abi_encode();
        let implementation = self.create(&target, name, libraries, arguments).await?;
        self.register(&target, implementation).await?;
        let arguments = (controller, key(&target)).abi_encode_params();
        let proxy = self.create(name, "ManagerProxy", &[], arguments).await?;
        self.register(name, proxy).await?;
        Ok(proxy)
    }

    /// Sends `change` unless `view` already answers `wanted`, and looks again afterwards.
    async fn ensure<V, C>(
        &mut self,
        step: &str,
        to: Address,
        view: V,
        wanted: V::Return,
        change: C,
    ) -> Result<(), DeployError>
    where
        V: SolCall + Clone,
        V::Return: PartialEq,
        C: SolCall,
    {
        if self.account.read(to, view.clone()).await? == wanted {
            self.done(step.to_owned(), None, None);
            return Ok(());
        }
        let gas = self
            .send(step, Some(to), change.abi_encode().into())
            .await?;
        if self.account.read(to, view).await? != wanted {
            return Err(DeployError::NoEffect(step.to_owned()));
        }
        self.done(step.to_owned(), None, Some(gas));
        Ok(())
    }

    /// Sends a transaction and gives the gas it used.
    async fn send(
        &self,
        step: &str,
        to: Option<Address>,
        input: Bytes,
    ) -> Result<u64, DeployError> {
        let call = Call {
            to,
            input,
            value: U256::ZERO,
        };
        Ok(self.account.send(step, call).await?.gas_used)
    }

    fn done(&mut self, step: String, address: Option<Address>, gas: Option<u64>) {
        (self.report)(Progress { step, address, gas });
    }
}
