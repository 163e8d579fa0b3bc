//! `streamflow call`: the control API as it is.

use serde_json::Value;

use crate::control::{Control, Target};
use crate::failure::Failure;
use crate::output::Output;

/// Sends the request and prints the answer's body.
pub(crate) async fn run(
    control: &Control,
    method: &str,
    path: &str,
    body: Option<String>,
    output: Output,
) -> anyhow::Result<()> {
    let method = match method.to_ascii_uppercase().as_str() {
        "GET" => reqwest::Method::GET,
        "POST" => reqwest::Method::POST,
        other => {
            return Err(Failure::usage("usage", format!("{other} is neither GET nor POST")).into());
        }
    };
    if !path.starts_with('/') {
        let hint = "for example /api/v1/status";
        return Err(Failure::usage("usage", format!("{path:?} is no path"))
            .hint(hint)
            .into());
    }
    let text = control.raw(Target::Any, method, path, body).await?;
    // With --json the answer stands in the envelope, as what it is or else as text.
    let data = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.trim_end()));
    output.data(&data, || text);
    Ok(())
}
