//! `devnet status`, `kill` and `down`: they talk to the supervisor by its state file and signals.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::state::{Member, Role, State};

/// How long `down` waits for the network to drain: every member may use its whole drain time.
const DOWN_PATIENCE: Duration = Duration::from_secs(120);

/// Time between two looks at the state file.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The members as a table for people.
pub(super) fn table(state: &State) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["member", "process", "restarts", "where", "what"]);
    for member in &state.members {
        let pid = member
            .pid
            .map_or_else(|| "down".to_owned(), |pid| pid.to_string());
        let place = if member.address.is_empty() {
            &member.control
        } else {
            &member.address
        };
        let restarts = member.restarts.to_string();
        table.add_row([&member.name, &pid, &restarts, place, &member.about]);
    }
    table.to_string()
}

/// Prints who is there; waits up to `wait` until the network is ready.
pub(super) async fn status(
    folder: &Path,
    wait: Option<Duration>,
    as_json: bool,
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
        bail!(
            "the network is there but not ready yet; its logs are in {}",
            folder.display()
        );
    }
    if as_json {
        println!("{}", json!({"ok": true, "data": state, "warnings": []}));
    } else {
        println!("{}", table(&state));
        println!("publish to {}   watch at {}", state.publish, state.player);
    }
    Ok(())
}

/// Kills or freezes a member.
pub(super) async fn kill(
    folder: &Path,
    name: &str,
    freeze: Option<Duration>,
) -> anyhow::Result<()> {
    let state = State::read(folder)?.ok_or_else(|| none_runs(folder))?;
    let member = find(&state, name)?;
    let pid = member
        .pid
        .and_then(process)
        .with_context(|| format!("{} is down just now; it is started again", member.name))?;
    let Some(time) = freeze else {
        kill_process(pid, Signal::KILL)?;
        println!(
            "{} (process {}) was killed; it is started again",
            member.name,
            pid.as_raw_nonzero()
        );
        return Ok(());
    };
    kill_process(pid, Signal::STOP)?;
    println!(
        "{} (process {}) is frozen for {time:?}",
        member.name,
        pid.as_raw_nonzero()
    );
    sleep(time).await;
    kill_process(pid, Signal::CONT)?;
    println!("{} goes on", member.name);
    Ok(())
}

/// Stops the network and waits until it is gone.
pub(super) async fn down(folder: &Path) -> anyhow::Result<()> {
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
    println!("the network is down");
    Ok(())
}

fn find<'a>(state: &'a State, name: &str) -> anyhow::Result<&'a Member> {
    if let Some(member) = state.members.iter().find(|member| member.name == name) {
        return Ok(member);
    }
    let role = match name {
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
            bail!(
                "no member is called {name:?}; there are {}",
                names.join(", ")
            )
        }
    }
}

fn process(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

fn none_runs(folder: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "no network runs from {}; start one with `streamflow devnet up`",
        folder.display()
    )
}
