//! `streamflow devnet`: a whole network on this machine, each member a process of its own that
//! speaks the real wire. The foreground process supervises; `status`, `kill` and `down` read what it
//! wrote into its folder.

mod ladder;
mod plan;
mod ports;
mod publish;
mod state;
mod status;
mod supervise;
mod up;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

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
        /// Known and not offered: see `run`.
        #[arg(long, hide = true)]
        seed: Option<String>,
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
            seed,
        } => {
            if seed.is_some() {
                let message = "--seed is refused: a network without a chain draws nothing from it";
                return Err(Failure::usage("not-offered", message)
                    .hint("leave --seed out")
                    .into());
            }
            up::run(
                up::Options {
                    orchestrators,
                    video,
                    keep,
                    json: output.json,
                    data: data.to_owned(),
                },
                engine,
                &folder,
            )
            .await
        }
        Action::Down => status::down(&folder, output).await,
        Action::Status { wait } => status::status(&folder, wait, output).await,
        Action::Kill { member, freeze } => status::kill(&folder, &member, freeze, output).await,
    }
}
