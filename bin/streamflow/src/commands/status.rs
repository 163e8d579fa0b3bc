//! `streamflow status`: every node of this machine on one screen.

use std::fmt::Write;
use std::time::Duration;

use serde::Serialize;
use streamflow_admin::{NodeStatus, Role, Usage};

use crate::control::{Control, Target};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::units::show_duration;

/// Between two looks of `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// One node that answered.
#[derive(Serialize)]
struct Found {
    node: String,
    #[serde(flatten)]
    status: NodeStatus,
}

/// Prints the nodes once, or again and again.
pub(crate) async fn run(control: &Control, output: Output, watch: bool) -> anyhow::Result<()> {
    repeat(output, watch, || async {
        let found = look(control).await?;
        output.data(&found, || {
            found.iter().map(show).collect::<Vec<_>>().join("\n")
        });
        Ok(())
    })
    .await
}

/// Runs `once`, with `--watch` on a cleared screen every second until interrupted.
pub(super) async fn repeat<F: Future<Output = anyhow::Result<()>>>(
    output: Output,
    watch: bool,
    once: impl Fn() -> F,
) -> anyhow::Result<()> {
    if !watch {
        return once().await;
    }
    loop {
        if output.is_terminal() {
            // Home, and clear what is below.
            print!("\x1b[H\x1b[2J");
        }
        once().await?;
        tokio::select! {
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}

async fn look(control: &Control) -> Result<Vec<Found>, Failure> {
    let candidates = control.candidates(Target::Any);
    let mut found = Vec::new();
    for (_, node) in &candidates {
        match control.ask_at::<NodeStatus>(node, "/api/v1/status").await {
            Ok(status) => found.push(Found {
                node: node.to_string(),
                status,
            }),
            Err(failure) if failure.code == "no-node" => {}
            Err(failure) => return Err(failure),
        }
    }
    if found.is_empty() {
        let places: Vec<_> = candidates.iter().map(|(_, node)| node.as_str()).collect();
        let message = format!("no node answers at {}", places.join(", "));
        let hint = "start one, for example with streamflow up, or name one with --node URL";
        return Err(Failure::new(Exit::Unreachable, "no-node", message).hint(hint));
    }
    Ok(found)
}

fn show(found: &Found) -> String {
    let Found { node, status } = found;
    let (name, sessions) = match status.role.role {
        Role::Gateway => ("gateway", "streams"),
        Role::Orchestrator => ("orchestrator", "sessions"),
        Role::Transcoder => ("transcoder", "sessions"),
    };
    let state = if status.ready { "ready" } else { "not ready" };
    let uptime = show_duration(Duration::from_secs(status.uptime_s));
    // Writing to a string cannot fail.
    let mut text = format!(
        "{name}  {state}  up {uptime}  {} {}  {node}\n",
        status.network, status.version
    );
    for reason in &status.reasons {
        let _ = writeln!(text, "  {}: {}", reason.code, reason.message);
    }
    for note in &status.notes {
        let _ = writeln!(text, "  {:<14}{}", note.code, note.message);
    }
    let segments = &status.role.segments;
    let _ = writeln!(text, "  {sessions:<14}{}", usage(&status.role.sessions));
    let _ = writeln!(
        text,
        "  {:<14}{} done, {} failed, {} in flight",
        "segments", segments.succeeded, segments.failed, segments.in_flight
    );
    let _ = writeln!(text, "  {:<14}{}", "pixels", status.role.pixels);
    if let Some(count) = status.role.orchestrators {
        let _ = writeln!(text, "  {:<14}{count}", "orchestrators");
    }
    if let Some(count) = status.role.workers {
        let _ = writeln!(text, "  {:<14}{count}", "workers");
    }
    for address in &status.role.addresses {
        let _ = writeln!(text, "  {:<14}{}", address.name, address.url);
    }
    text
}

/// `2 of 10`, or `2` without a limit.
pub(super) fn usage(usage: &Usage) -> String {
    match usage.max {
        Some(max) => format!("{} of {max}", usage.active),
        None => usage.active.to_string(),
    }
}
