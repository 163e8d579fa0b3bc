//! `streamflow workers`: the transcoders of an orchestrator.

use serde_json::Value;
use streamflow_admin::{WorkerState, WorkerView};

use super::status::{repeat, usage};
use super::streams::path_segment;
use crate::cli::WorkersVerb;
use crate::control::{Control, Target};
use crate::output::{Output, table};

/// Lists, drains, removes.
pub(crate) async fn run(
    control: &Control,
    output: Output,
    verb: WorkersVerb,
) -> anyhow::Result<()> {
    match verb {
        WorkersVerb::List { watch } => {
            repeat(output, watch, || async {
                let workers: Vec<WorkerView> =
                    control.ask(Target::Orchestrator, "/api/v1/workers").await?;
                output.data(&workers, || list(&workers));
                Ok(())
            })
            .await
        }
        WorkersVerb::Drain(id) => act(control, output, &id, "drain", "gets no new session").await,
        WorkersVerb::Remove(id) => act(control, output, &id, "remove", "is let go").await,
    }
}

async fn act(
    control: &Control,
    output: Output,
    id: &str,
    action: &str,
    done: &str,
) -> anyhow::Result<()> {
    let path = format!("/api/v1/workers/{}/{action}", path_segment(id));
    let answer: Value = control
        .post(Target::Orchestrator, &path, None::<&()>)
        .await?;
    output.data(&answer, || format!("{id} {done}"));
    Ok(())
}

fn list(workers: &[WorkerView]) -> String {
    if workers.is_empty() {
        return "no transcoder is attached".to_owned();
    }
    let rows = workers.iter().map(|worker| {
        let state = match worker.state {
            WorkerState::Attached => "attached",
            WorkerState::Draining => "draining",
        };
        [
            worker.id.clone(),
            worker.address.clone(),
            state.to_owned(),
            usage(&worker.sessions),
            worker.segments.succeeded.to_string(),
            worker.segments.failed.to_string(),
            worker.version.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    table(
        [
            "worker", "from", "state", "sessions", "done", "failed", "version",
        ],
        rows.collect(),
    )
}
