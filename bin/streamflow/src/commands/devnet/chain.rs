//! `devnet chain`: the embedded chain with the protocol on it, accounts that hold ether and LPT, and
//! rounds that advance by themselves.

pub(super) mod announce;
pub(super) mod moving;
mod rounds;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use streamflow_chain::contracts::{LivepeerToken, RoundsManager};
use streamflow_chain::deploy::{Deployment, Parameters, RecordFile, deploy};
use streamflow_chain::development::{accounts, secret};
use streamflow_chain::{Account, Call};
use streamflow_devchain::{Access, BlockId, Chain, InProcess, Mining, Node, Settings, serve};
use streamflow_runtime::signals::Signals;
use streamflow_runtime::{Shutdown, SystemClock};
use tokio::net::TcpListener;

use crate::failure::{Exit, Failure};
use crate::output::Output;

/// Accounts with ether and LPT.
pub(super) const ACCOUNTS: u32 = 10;

/// What each of them starts with, in ether and in LPT.
const FUNDS: u64 = 10_000;

/// The file with the addresses, in the chain's folder.
const ADDRESSES: &str = "contracts.json";

/// What others may know of a chain that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facts {
    /// Where it answers.
    pub(super) rpc: String,
    /// Where it is kept.
    pub(super) folder: PathBuf,
}

impl Facts {
    /// The file with the addresses of the contracts.
    pub(super) fn addresses(&self) -> PathBuf {
        self.folder.join(ADDRESSES)
    }
}

/// What to start.
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) block_time: Duration,
    /// Blocks of a round, where the person said so.
    pub(super) round_length: Option<u64>,
    /// The words that accounts come from.
    pub(super) seed: String,
    pub(super) access: Access,
    /// Where the chain is kept.
    pub(super) folder: PathBuf,
    pub(super) json: bool,
}

/// Blocks of a round where nobody says so.
const ROUND_LENGTH: u64 = 80;

/// Where the chain answers when nobody says.
pub(super) const RPC: &str = "http://127.0.0.1:8545";

/// Where a data folder keeps the chain.
pub(super) fn folder(data: &Path) -> PathBuf {
    data.join("chain")
}

/// How long connections may take to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the chain until a signal.
pub(super) async fn run(options: Options) -> anyhow::Result<()> {
    let signals = Signals::catch()?;
    let shutdown = Shutdown::new();
    let work = serve_chain(options, shutdown.clone());
    tokio::select! {
        ended = work => ended,
        _ = signals.drive(&shutdown, DRAIN) => Ok(()),
    }
}

async fn serve_chain(options: Options, shutdown: Shutdown) -> anyhow::Result<()> {
    let signers = accounts(&options.seed, ACCOUNTS)
        .map_err(|error| Failure::usage("seed", format!("--seed: {error}")))?;
    let keys = signers.iter().map(secret).collect();
    let settings = Settings::with_keys(keys, whole(FUNDS))?;
    let chain = Chain::open(settings, &options.folder)
        .map_err(|error| Failure::new(Exit::Precondition, "chain", error))?;
    let node = Node::new(chain, Mining::Automatic, Arc::new(SystemClock));
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|error| refuse_address(options.listen, &error))?;
    let address = listener.local_addr()?;

    let deployment = protocol(&node, &options, &signers).await?;
    node.set_mining(Mining::Every(options.block_time));
    let facts = Facts {
        rpc: format!("http://{address}"),
        folder: options.folder.clone(),
    };
    let text = announce::text(&facts, &signers, &deployment);
    let output = Output {
        json: options.json,
        ..Output::default()
    };
    output.data(&announce::json(&facts, &signers, &deployment), || {
        format!("{text}\nCtrl-C stops the chain; it is kept and goes on when it is started again")
    });
    let keeper = rounds::keep(&node, &deployment, &signers, options.block_time, &shutdown);
    let served = serve(
        listener,
        node.clone(),
        options.access.clone(),
        shutdown.clone(),
    );
    let (served, ()) = tokio::join!(served, keeper);
    served.context("the chain's door")
}

/// Puts the protocol on the chain, or what a killed run left undone, and gives everybody LPT.
async fn protocol(
    node: &Node,
    options: &Options,
    signers: &[PrivateKeySigner],
) -> anyhow::Result<Deployment> {
    let file = options.folder.join(ADDRESSES);
    let found = Deployment::read(&file)?;
    let client = RpcClient::new(InProcess::new(node.clone()), true);
    let deployer = Account::new(client, signers[0].clone());
    let parameters = Parameters {
        round_length: U256::from(options.round_length.unwrap_or(ROUND_LENGTH)),
        ..Parameters::devnet()
    };
    let mut record = RecordFile::new(&file);
    let mut report = |progress| tracing::debug!(?progress, "deployment");
    let deployment = match found {
        Some(complete) if complete.complete => complete,
        found => deploy(&deployer, &parameters, found, &mut record, &mut report).await?,
    };
    check_rounds(&deployer, &deployment, options).await?;
    let token = deployment.contract("LivepeerToken").context("the token")?;
    for signer in &signers[1..] {
        // Who has sent anything was funded, and may have given all away since.
        let sent = node.with(|chain| chain.nonce(signer.address(), BlockId::Latest))?;
        if sent == 0 {
            fund(&deployer, token, signer.address()).await?;
        }
    }
    Ok(deployment)
}

fn refuse_address(address: SocketAddr, error: &std::io::Error) -> Failure {
    let message = format!("--rpc-addr: {address} cannot be listened on: {error}");
    Failure::usage("rpc-addr", message).hint("name a free one, as 127.0.0.1:8645")
}

/// A chain that is there has the rounds it was made with.
async fn check_rounds(
    account: &Account,
    deployment: &Deployment,
    options: &Options,
) -> anyhow::Result<()> {
    let rounds = deployment.contract("RoundsManager").context("the rounds")?;
    let length = account
        .read(rounds, RoundsManager::roundLengthCall {})
        .await?;
    match options.round_length {
        Some(wanted) if U256::from(wanted) != length => {
            let folder = options.folder.display();
            let message = format!(
                "--round-length is {wanted}, and the chain in {folder} has rounds of {length} blocks"
            );
            Err(Failure::usage("round-length", message)
                .hint(format!(
                    "leave --round-length out, or remove {folder} to begin anew"
                ))
                .into())
        }
        _ => Ok(()),
    }
}

async fn fund(deployer: &Account, token: Address, to: Address) -> anyhow::Result<()> {
    let held = deployer
        .read(token, LivepeerToken::balanceOfCall { account: to })
        .await?;
    if !held.is_zero() {
        return Ok(());
    }
    let amount = whole(FUNDS);
    let call = Call {
        to: Some(token),
        input: LivepeerToken::transferCall { to, amount }
            .abi_encode()
            .into(),
        value: U256::ZERO,
    };
    deployer.send("transfer LPT", call).await?;
    Ok(())
}

/// Whole ether or LPT in their smallest unit.
fn whole(amount: u64) -> U256 {
    U256::from(amount) * U256::from(10).pow(U256::from(18))
}
