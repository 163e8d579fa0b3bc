//! `streamflow devnet`: a whole network on this machine, each member a process of its own that
//! speaks the real wire. The foreground process supervises; `status`, `kill` and `down` read what it
//! wrote into its folder.

mod chain;
mod ladder;
mod plan;
mod ports;
mod publish;
mod state;
mod status;
mod supervise;
mod up;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use streamflow_chain::development::{MNEMONIC, accounts};
use streamflow_devchain::Access;

use crate::config::EngineTable;
use crate::failure::Failure;
use crate::output::Output;

/// Set in the environment of every member of a network.
pub(crate) const MEMBER: &str = "STREAMFLOW_DEVNET_MEMBER";

/// Lets a member drain when its supervisor is gone, however that went.
pub(crate) fn follow_supervisor(is_member: bool) {
    if is_member {
        // Without it a killed supervisor leaves its network running: a nuisance, no fault.
        let _ =
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    }
}

/// A whole network on this machine.
#[derive(Args, Debug)]
pub(crate) struct DevnetArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Start the network and stay in front of it until Ctrl-C.
    Up {
        /// Orchestrators: the second is slow, the third cheats, the others are honest.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=20))]
        orchestrators: u16,
        /// Publish this film in a loop, with the ffmpeg program.
        #[arg(long, value_name = "FILE")]
        video: Option<PathBuf>,
        /// Keep the network's folder, with its logs, when it stops.
        #[arg(long)]
        keep: bool,
        /// Run a chain too, with the protocol's contracts on it: embedded. It is kept in the data
        /// folder and goes on when the network is started again.
        #[arg(long, value_name = "CHAIN", value_enum, hide_possible_values = true)]
        chain: Option<ChainKind>,
        /// The words that the chain's accounts come from.
        #[arg(long, value_name = "WORDS", requires = "chain")]
        seed: Option<String>,
    },
    /// Start the embedded chain alone, with the protocol on it, and stay in front of it until Ctrl-C.
    ///
    /// It speaks JSON-RPC over HTTP and WebSocket, as wallets and `cast` expect it. Ten accounts hold
    /// ether and LPT, rounds advance, and everything is kept in the data folder.
    Chain {
        /// Where it answers.
        #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8545")]
        rpc_addr: SocketAddr,
        /// Between two blocks, for example 1s.
        #[arg(long, value_name = "TIME", default_value = "1s", value_parser = crate::units::duration)]
        block_time: Duration,
        /// Blocks of a round; a chain that is there keeps its own [default: 80]
        #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(41..))]
        round_length: Option<u64>,
        /// The words that the accounts come from.
        #[arg(long, value_name = "WORDS", default_value = MNEMONIC, hide_default_value = true)]
        seed: String,
        /// A host name that requests may carry, besides those of this machine; may be repeated.
        #[arg(long, value_name = "NAME")]
        allow_host: Vec<String>,
        /// An origin of web pages that may call, besides this machine, or `*`; may be repeated.
        #[arg(long, value_name = "ORIGIN")]
        allow_origin: Vec<String>,
    },
    /// Mine blocks on the chain of this data folder, at once.
    Mine {
        /// How many.
        #[arg(value_name = "N", default_value_t = 1)]
        blocks: u64,
        /// Where the chain answers, if not where the running network's or the default one does.
        #[arg(long, value_name = "URL")]
        rpc: Option<String>,
    },
    /// Mine into the next round on the chain of this data folder.
    Round {
        /// Where the chain answers, if not where the running network's or the default one does.
        #[arg(long, value_name = "URL")]
        rpc: Option<String>,
    },
    /// Stop the network that runs from this data folder.
    Down,
    /// Who is there.
    Status {
        /// Wait this long until the network is ready, for example 60s.
        #[arg(long, value_name = "TIME", value_parser = crate::units::duration)]
        wait: Option<Duration>,
    },
    /// Kill one member at once (SIGKILL); it is started again after two seconds.
    Kill {
        /// Its name, for example orchestrator-1, or a role when there is one of it.
        member: String,
        /// Freeze it for this long instead (SIGSTOP, then SIGCONT).
        #[arg(long, value_name = "TIME", value_parser = crate::units::duration)]
        freeze: Option<Duration>,
    },
}

/// Which chain a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ChainKind {
    /// The one that is part of this program
    Embedded,
}

/// Runs the command on the network of this data folder.
pub(crate) async fn run(
    arguments: DevnetArgs,
    engine: &EngineTable,
    data: &Path,
    output: Output,
) -> anyhow::Result<()> {
    let folder = state::folder(data);
    match arguments.action {
        Action::Up {
            orchestrators,
            video,
            keep,
            chain,
            seed,
        } => {
            let seed = seed.unwrap_or_else(|| MNEMONIC.to_owned());
            if let Err(error) = accounts(&seed, 1) {
                return Err(Failure::usage("seed", format!("--seed: {error}")).into());
            }
            up::run(
                up::Options {
                    orchestrators,
                    video,
                    keep,
                    chain: chain.map(|ChainKind::Embedded| seed),
                    json: output.json,
                    data: data.to_owned(),
                },
                engine,
                &folder,
            )
            .await
        }
        Action::Chain {
            rpc_addr,
            block_time,
            round_length,
            seed,
            allow_host,
            allow_origin,
        } => {
            let options = chain::Options {
                listen: rpc_addr,
                block_time,
                round_length,
                seed,
                access: Access {
                    hosts: allow_host,
                    origins: allow_origin,
                },
                folder: chain::folder(data),
                json: output.json,
            };
            chain::run(options).await
        }
        Action::Mine { blocks, rpc } => {
            chain::moving::mine(&facts(&folder, data, rpc)?, blocks, output).await
        }
        Action::Round { rpc } => chain::moving::round(&facts(&folder, data, rpc)?, output).await,
        Action::Down => status::down(&folder, output).await,
        Action::Status { wait } => status::status(&folder, wait, output).await,
        Action::Kill { member, freeze } => status::kill(&folder, &member, freeze, output).await,
    }
}

/// The chain of a data folder: where it was said, where the running network has it, or where it is
/// when nobody says.
fn facts(folder: &Path, data: &Path, rpc: Option<String>) -> anyhow::Result<chain::Facts> {
    let running = state::State::read(folder)?.and_then(|state| state.chain);
    let rpc = rpc.or_else(|| running.map(|facts| facts.rpc));
    Ok(chain::Facts {
        rpc: rpc.unwrap_or_else(|| chain::RPC.to_owned()),
        folder: chain::folder(data),
    })
}
