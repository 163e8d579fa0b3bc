//! `streamflow call`: the control API as it is.

use crate::control::{Control, Target};
use crate::failure::Failure;

/// Sends the request and prints the answer's body.
pub(crate) async fn run(
    control: &Control,
    method: &str,
    path: &str,
    body: Option<String>,
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
    println!("{}", text.trim_end());
    Ok(())
}
