//! Whether the media workers start: the program, FFmpeg's libraries and the sandbox.

use streamflow_runtime::Metrics;

use super::{Check, Finding, State};
use crate::assemble::engine_hello;
use crate::config::EngineTable;
use crate::failure::Failure;

/// Starts a worker as a node would and asks what it can do.
pub(super) async fn look(table: &EngineTable) -> Vec<Finding> {
    let hello = match engine_hello(table, &Metrics::new()).await {
        Ok(hello) => hello,
        Err(failure) => return vec![refused(failure)],
    };
    let mut findings = vec![Finding::ok(
        Check::Ffmpeg,
        format!("the worker runs with FFmpeg {}", hello.ffmpeg),
    )];
    findings.extend(hello.missing.iter().map(|missing| {
        Finding::new(
            Check::Ffmpeg,
            State::Warning,
            format!("the worker runs without {}", missing.layer.name()),
            missing.reason.clone(),
            "foreign video is decoded with less protection; run the node where the layer is offered",
        )
    }));
    findings
}

fn refused(failure: Failure) -> Finding {
    let sandbox = failure.message.contains("sandbox");
    let fix = if sandbox {
        "let the system offer the layer, or accept the risk with --allow-missing-sandbox LAYER \
         (in Docker: user namespaces and Landlock are often closed)"
            .to_owned()
    } else {
        failure.hint
    };
    Finding::new(
        Check::Ffmpeg,
        State::Failed,
        "the media worker does not start",
        failure.message,
        fix,
    )
}
