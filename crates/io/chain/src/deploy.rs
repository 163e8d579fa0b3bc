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
    /// What it took; `None` where nothing was to be done.
    pub spent: Option<Spent>,
}

/// What a transaction took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Gas used.
    pub gas: u64,
    /// What that cost, in wei.
    pub wei: U256,
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
    /// Only looking was asked for, and this step is the first that is not done.
    #[error("{0}: not done")]
    NotDone(String),
}

/// Deploys everything, or what is missing of it. `found` is what an earlier run left.
pub async fn deploy(
    account: &Account,
    parameters: &Parameters,
    found: Option<Deployment>,
    record: &mut dyn Record,
    report: &mut (dyn FnMut(Progress) + Send),
) -> Result<Deployment, DeployError> {
    let mut work = Work::begin(account, parameters, found, record, report).await?;
    work.all().await?;
    work.deployment.complete = true;
    work.record.keep(&work.deployment)?;
    Ok(work.deployment)
}

/// Tells which steps are done, as far as they follow one another; nothing is sent. `true` where
/// nothing is left to do.
pub async fn look(
    account: &Account,
    parameters: &Parameters,
    found: Option<Deployment>,
    report: &mut (dyn FnMut(Progress) + Send),
) -> Result<bool, DeployError> {
    let mut record = Forgotten;
    let mut work = Work::begin(account, parameters, found, &mut record, report).await?;
    work.only_looks = true;
    match work.all().await {
        Ok(()) => Ok(true),
        Err(DeployError::NotDone(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A deployment under way.
struct Work<'a> {
    account: &'a Account,
    parameters: &'a Parameters,
    deployment: Deployment,
    record: &'a mut dyn Record,
    report: &'a mut (dyn FnMut(Progress) + Send),
    only_looks: bool,
}

impl<'a> Work<'a> {
    async fn begin(
        account: &'a Account,
        parameters: &'a Parameters,
        found: Option<Deployment>,
        record: &'a mut dyn Record,
        report: &'a mut (dyn FnMut(Progress) + Send),
    ) -> Result<Self, DeployError> {
        let problems = parameters.problems();
        if !problems.is_empty() {
            return Err(DeployError::Parameters(problems));
        }
        let deployment = match found {
            Some(found) => continued(account, found).await?,
            None => Deployment {
                chain_id: account.chain_id().await?,
                deployer: account.address(),
                from_block: account.block_number().await?,
                complete: false,
                contracts: Default::default(),
            },
        };
        Ok(Self {
            account,
            parameters,
            deployment,
            record,
            report,
            only_looks: false,
        })
    }
}

/// What an earlier run left, where it is of this chain and account.
async fn continued(account: &Account, found: Deployment) -> Result<Deployment, DeployError> {
    if found.chain_id == account.chain_id().await? && found.deployer == account.address() {
        return Ok(found);
    }
    let Deployment {
        chain_id, deployer, ..
    } = found;
    Err(DeployError::OtherRecord { chain_id, deployer })
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
        self.may_send(&step)?;
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
        let spent = self
            .send(step, Some(to), change.abi_encode().into())
            .await?;
        if self.account.read(to, view).await? != wanted {
            return Err(DeployError::NoEffect(step.to_owned()));
        }
        self.done(step.to_owned(), None, Some(spent));
        Ok(())
    }

    fn may_send(&self, step: &str) -> Result<(), DeployError> {
        if self.only_looks {
            return Err(DeployError::NotDone(step.to_owned()));
        }
        Ok(())
    }

    /// Sends a transaction and gives what it took.
    async fn send(
        &mut self,
        step: &str,
        to: Option<Address>,
        input: Bytes,
    ) -> Result<Spent, DeployError> {
        self.may_send(step)?;
        let call = Call {
            to,
            input,
            value: U256::ZERO,
        };
        let receipt = self.account.send(step, call).await?;
        let price = U256::from(receipt.effective_gas_price);
        Ok(Spent {
            gas: receipt.gas_used,
            // Gas is below 2^64 and its price below 2^128.
            wei: U256::from(receipt.gas_used) * price,
        })
    }

    fn done(&mut self, step: String, address: Option<Address>, spent: Option<Spent>) {
        (self.report)(Progress {
            step,
            address,
            spent,
        });
    }
}
