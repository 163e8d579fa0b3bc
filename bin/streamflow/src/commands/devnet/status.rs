//! `devnet status`, `kill` and `down`: they talk to the supervisor by its state file and signals.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::state::{Member, Role, State};
use crate::failure::{Exit, Failure};
use crate::output::{self, Output};

/// How long `down` waits for the network to drain: every member may use its whole drain time.
const DOWN_PATIENCE: Duration = Duration::from_secs(120);

/// Time between two looks at the state file.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The members as a table for people.
pub(super) fn table(state: &State) -> String {
    let rows = state.members.iter().map(|member| {
        let pid = member.pid.map(|pid| pid.to_string());
        let place = if member.address.is_empty() {
            &member.control
        } else {
            &member.address
        };
        [
            member.name.clone(),
            pid.unwrap_or_else(|| "down".to_owned()),
            member.restarts.to_string(),
            place.clone(),
            member.about.clone(),
        ]
    });
    let header = ["member", "process", "restarts", "where", "what"];
    output::table(header, rows.collect())
}

/// Prints who is there; waits up to `wait` until the network is ready.
pub(super) async fn status(
    folder: &Path,
    wait: Option<Duration>,
    output: Output,
) -> anyhow::Result<()> {
    let until = Instant::now() + wait.unwrap_or_default();
    let state = loop {
        let state = State::read(folder)?;
        let is_ready = state.as_ref().is_some_and(|state| state.ready);
        if is_ready || Instant::now() >= until {
            break state;
        }
        sleep(LOOK_EVERY).await;
    };
    let Some(state) = state else {
        return Err(none_runs(folder));
    };
    if wait.is_some() && !state.ready {
        let message = "the network is there but not ready yet";
        let mut failure = Failure::new(Exit::Precondition, "not-ready", message)
            .hint(format!("its logs are in {}", folder.display()));
        failure.retryable = true;
        return Err(failure.into());
    }
    output.data(&state, || {
        let (publish, player) = (&state.publish, &state.player);
        format!(
            "{}\npublish to {publish}   watch at {player}",
            table(&state)
        )
    });
    Ok(())
}

/// Kills or freezes a member.
pub(super) async fn kill(
    folder: &Path,
    name: &str,
    freeze: Option<Duration>,
    output: Output,
) -> anyhow::Result<()> {
    let state = State::read(folder)?.ok_or_else(|| none_runs(folder))?;
    let member = find(&state, name)?;
    let pid = member
        .pid
        .and_then(process)
        .with_context(|| format!("{} is down just now; it is started again", member.name))?;
    let (name, number) = (&member.name, pid.as_raw_nonzero());
    let done = json!({"member": name, "process": number.get(), "frozen_s": freeze.map(|time| time.as_secs())});
    let Some(time) = freeze else {
        kill_process(pid, Signal::KILL)?;
        output.data(&done, || {
            format!("{name} (process {number}) was killed; it is started again")
        });
        return Ok(());
    };
    kill_process(pid, Signal::STOP)?;
    output.note(&format!("{name} (process {number}) is frozen for {time:?}"));
    sleep(time).await;
    kill_process(pid, Signal::CONT)?;
    output.data(&done, || format!("{name} goes on"));
    Ok(())
}

/// Stops the network and waits until it is gone.
pub(super) async fn down(folder: &Path, output: Output) -> anyhow::Result<()> {
    let state = State::read(folder)?.ok_or_else(|| none_runs(folder))?;
    let pid = process(state.supervisor).context("the supervisor's process number")?;
    kill_process(pid, Signal::TERM)?;
    let until = Instant::now() + DOWN_PATIENCE;
    while State::read(folder)?.is_some() {
        if Instant::now() > until {
            bail!(
                "process {} has not stopped after {DOWN_PATIENCE:?}",
                state.supervisor
            );
        }
        sleep(LOOK_EVERY).await;
    }
    output.data(&json!({"supervisor": state.supervisor}), || {
        "the network is down".to_owned()
    });
    Ok(())
}

fn find<'a>(state: &'a State, name: &str) -> anyhow::Result<&'a Member> {
    if let Some(member) = state.members.iter().find(|member| member.name == name) {
        return Ok(member);
    }
    let role = match name {
        "chain" => Some(Role::Chain),
        "gateway" => Some(Role::Gateway),
        "orchestrator" => Some(Role::Orchestrator),
        "transcoder" => Some(Role::Transcoder),
        _ => None,
    };
    let mut of_role = state
        .members
        .iter()
        .filter(|member| Some(member.role) == role);
    match (of_role.next(), of_role.next()) {
        (Some(member), None) => Ok(member),
        _ => {
            let names: Vec<_> = state
                .members
                .iter()
                .map(|member| member.name.as_str())
                .collect();
            let message = format!("no member is called {name:?}");
            let hint = format!("there are {}", names.join(", "));
            Err(Failure::usage("member", message).hint(hint).into())
        }
    }
}

fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn none_runs(folder: &Path) -> anyhow::Error {
    let data = folder.parent().unwrap_or(folder).display();
    let message = format!("no network runs from the data folder {data}");
    let hint = "start one with streamflow devnet up, or name its folder with --data-dir";
    Failure::new(Exit::Unreachable, "no-network", message)
        .hint(hint)
        .into()
}
