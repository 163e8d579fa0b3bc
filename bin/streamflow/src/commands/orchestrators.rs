//! `streamflow orchestrators`: who a gateway buys from.

use serde_json::{Value, json};
use streamflow_admin::{OrchestratorState, OrchestratorView};

use super::status::repeat;
use crate::cli::OrchestratorsVerb;
use crate::control::{Control, Target};
use crate::output::{Output, table};

/// Lists, probes, blocks, unblocks.
pub(crate) async fn run(
    control: &Control,
    output: Output,
    verb: OrchestratorsVerb,
) -> anyhow::Result<()> {
    match verb {
        OrchestratorsVerb::List { watch } => {
            repeat(output, watch, || async {
                let known: Vec<OrchestratorView> = control
                    .ask(Target::Gateway, "/api/v1/orchestrators")
                    .await?;
                output.data(&known, || list(&known));
                Ok(())
            })
            .await
        }
        OrchestratorsVerb::Probe(url) => {
            let body = json!({ "url": url });
            let path = "/api/v1/orchestrators/probe";
            let seen: OrchestratorView = control.post(Target::Gateway, path, Some(&body)).await?;
            output.data(&seen, || {
                format!(
                    "{}\n\n{}",
                    list(std::slice::from_ref(&seen)),
                    seen.capabilities.join(", ")
                )
            });
            Ok(())
        }
        OrchestratorsVerb::Block(url) => {
            act(control, output, &url, "block", "is used no more").await
        }
        OrchestratorsVerb::Unblock(url) => {
            act(control, output, &url, "unblock", "may be used again").await
        }
    }
}

async fn act(
    control: &Control,
    output: Output,
    url: &str,
    action: &str,
    done: &str,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/orchestrators/{action}");
    let body = json!({ "url": url });
    let answer: Value = control.post(Target::Gateway, &path, Some(&body)).await?;
    output.data(&answer, || format!("{url} {done}"));
    Ok(())
}

fn list(known: &[OrchestratorView]) -> String {
    if known.is_empty() {
        return "no orchestrator is known".to_owned();
    }
    let number = |value: Option<f64>, unit: &str| {
        value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}{unit}"))
    };
    let rows = known.iter().map(|one| {
        [
            one.url.clone(),
            state(one).to_owned(),
            number(one.latency_ms, " ms"),
            number(one.score, ""),
            one.price.clone().unwrap_or_else(|| "-".to_owned()),
            one.version.clone().unwrap_or_else(|| "-".to_owned()),
            one.error.clone().unwrap_or_default(),
        ]
    });
    let header = [
        "orchestrator",
        "state",
        "latency",
        "score",
        "price",
        "version",
        "last error",
    ];
    table(header, rows.collect())
}

const fn state(one: &OrchestratorView) -> &'static str {
    match one.state {
        OrchestratorState::Unknown => "unknown",
        OrchestratorState::Available => "available",
        OrchestratorState::InUse => "in use",
        OrchestratorState::Suspended => "suspended",
        OrchestratorState::Blocked => "blocked",
        OrchestratorState::Unreachable => "unreachable",
    }
}
