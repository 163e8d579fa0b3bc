//! `devnet chain`: the embedded chain with the protocol on it, accounts that hold ether and LPT, and
//! rounds that advance by themselves.

mod announce;
mod rounds;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use alloy_rpc_client::RpcClient;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use anyhow::Context;
use streamflow_chain::contracts::LivepeerToken;
use streamflow_chain::deploy::{Deployment, Parameters, RecordFile, deploy};
use streamflow_chain::development::{accounts, secret};
use streamflow_chain::{Account, Call};
use streamflow_devchain::{Access, BlockId, Chain, InProcess, Mining, Node, Settings, serve};
use streamflow_runtime::signals::Signals;
use streamflow_runtime::{Shutdown, SystemClock};
use tokio::net::TcpListener;

/// Accounts with ether and LPT.
const ACCOUNTS: u32 = 10;

/// What each of them starts with, in ether and in LPT.
const FUNDS: u64 = 10_000;

/// The file with the addresses, in the chain's folder.
const ADDRESSES: &str = "contracts.json";

/// What to start.
pub(super) struct Options {
    pub(super) listen: SocketAddr,
    pub(super) block_time: Duration,
    pub(super) round_length: u64,
    /// The words that accounts come from.
    pub(super) seed: String,
    pub(super) access: Access,
    /// Where the chain is kept.
    pub(super) folder: PathBuf,
    pub(super) json: bool,
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
    let signers = accounts(&options.seed, ACCOUNTS)?;
    let keys = signers.iter().map(secret).collect();
    let settings = Settings::with_keys(keys, whole(FUNDS))?;
    let chain = Chain::open(settings, &options.folder)?;
    let node = Node::new(chain, Mining::Automatic, Arc::new(SystemClock));
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("{} cannot be listened on", options.listen))?;
    let address = listener.local_addr()?;

    let deployment = protocol(&node, &options, &signers).await?;
    node.set_mining(Mining::Every(options.block_time));
    announce::announce(address, &options, &signers, &deployment)?;
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
        round_length: U256::from(options.round_length),
        ..Parameters::devnet()
    };
    let mut record = RecordFile::new(&file);
    let mut report = |progress| tracing::debug!(?progress, "deployment");
    let deployment = match found {
        Some(complete) if complete.complete => complete,
        found => deploy(&deployer, &parameters, found, &mut record, &mut report).await?,
    };
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
