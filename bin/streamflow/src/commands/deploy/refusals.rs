//! Why a deployment does not begin or stops, with what to do about it.

use std::path::Path;

use alloy_primitives::Address;
use streamflow_chain::AccountError;
use streamflow_chain::deploy::{DeployError, RecordError};

use super::plan::Plan;
use super::report::Report;
use crate::failure::{Exit, Failure};
use crate::units::{ether, gwei};

const GO_ON: &str = "nothing is lost: add --resume to go on from here";

const CHEAPER: &str = "wait until gas costs less, or raise --max-gas-price";

pub(super) fn no_key() -> Failure {
    Failure::usage(
        "key-file",
        "--yes needs the key of the account that deploys",
    )
    .hint("give --key-file FILE; it may also be a keystore with --password-file FILE")
}

pub(super) fn endpoint(rpc: &str, error: AccountError) -> Failure {
    Failure::new(Exit::Unreachable, "rpc", format!("--rpc {rpc}: {error}"))
        .hint("is the node running, and is this its JSON-RPC address?")
}

pub(super) fn no_contract(name: &str, address: Address) -> Failure {
    let message = format!("--params: {name} is {address}, and no contract is there");
    Failure::new(Exit::Precondition, "params", message)
        .hint("name the contract's address on this chain, or leave it out to have one made")
}

pub(super) fn nothing_to_resume(out: &Path) -> Failure {
    let message = format!("--resume: {} is no deployment that began", out.display());
    Failure::new(Exit::Precondition, "resume", message)
        .hint("leave --resume out to begin one, or name its file with --out")
}

pub(super) fn unfinished(out: &Path) -> Failure {
    let message = format!("a deployment in {} was interrupted", out.display());
    Failure::new(Exit::Precondition, "unfinished", message)
        .hint("add --resume to go on with it, or begin another with --out FILE")
}

/// A complete deployment of which the chain knows nothing.
pub(super) fn gone(out: &Path, plan: &Plan) -> Failure {
    let missing = plan.steps.iter().find(|step| !step.done);
    let missing = missing.map(|step| step.name.as_str()).unwrap_or_default();
    let message = format!(
        "{} is a complete deployment, and this chain lacks its step \"{missing}\"",
        out.display()
    );
    Failure::new(Exit::Precondition, "other-chain", message).hint(
        "another chain of the same number, or other parameters: take those it was made with, or \
         begin anew with --out FILE",
    )
}

pub(super) fn balance(report: &Report) -> Failure {
    let message = format!(
        "{} holds {} ETH, and this takes {} ETH",
        report.deployer,
        ether(report.balance),
        ether(report.cost())
    );
    Failure::new(Exit::Precondition, "balance", message).hint("send the account more")
}

pub(super) fn folder(folder: &Path, error: &std::io::Error) -> Failure {
    let message = format!("--out: {} cannot be made: {error}", folder.display());
    Failure::new(Exit::Precondition, "out", message)
}

pub(super) fn record(error: &RecordError) -> Failure {
    Failure::new(Exit::Precondition, "out", format!("--out: {error}"))
        .hint("name another file with --out")
}

pub(super) fn price(price: u128, highest: u128) -> Failure {
    let (price, highest) = (gwei(price), gwei(highest));
    let message = format!("gas costs {price} gwei now, more than the {highest} gwei allowed");
    Failure::new(Exit::Refused, "gas-price", message).hint(CHEAPER)
}

/// `refused` is the exit code where the endpoint would not take it.
pub(super) fn account(error: AccountError, refused: Exit) -> Failure {
    let text = error.to_string();
    match error {
        AccountError::Endpoint { .. } => Failure::new(Exit::Unreachable, "rpc", text),
        AccountError::GasPrice { .. } => {
            Failure::new(Exit::Refused, "gas-price", text).hint(CHEAPER)
        }
        AccountError::Reverted { hash, .. } | AccountError::NotMined { hash, .. } => {
            let mut failure = Failure::new(Exit::Transaction, "transaction", text);
            failure.tx = Some(Box::new(hash));
            failure
        }
        _ => Failure::new(refused, "refused-by-chain", text),
    }
}

pub(super) fn deployment(error: DeployError, rpc: &str) -> Failure {
    match error {
        DeployError::Account(error) => {
            let failure = account(error, Exit::Precondition);
            let hint = if failure.hint.is_empty() {
                GO_ON.to_owned()
            } else {
                format!("{}; {GO_ON}", failure.hint)
            };
            failure.hint(hint)
        }
        DeployError::Record(error) => record(&error),
        DeployError::OtherRecord { .. } => {
            let message = format!("{error}, by {rpc}");
            Failure::new(Exit::Precondition, "other-record", message)
                .hint("name another file with --out, or take that chain and account")
        }
        other => Failure::new(Exit::Transaction, "no-effect", other).hint(GO_ON),
    }
}
