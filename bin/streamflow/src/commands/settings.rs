//! `streamflow config`: check, print, reference.

use serde_json::json;

use crate::config::{Config, Layers, Level, keys, reference};
use crate::failure::{Exit, Failure};
use crate::output::{Output, table};

/// Whether the settings are right.
pub(crate) fn check(layers: &Layers, output: Output) -> anyhow::Result<()> {
    let checked =
        Config::read(layers).map_err(|error| Failure::new(Exit::Check, "config", error))?;
    crate::assemble::check_files(&checked).map_err(|failure| Failure {
        exit: Exit::Check,
        ..failure
    })?;
    output.data(&json!({"checked": keys().count()}), || {
        "the configuration is right".to_owned()
    });
    Ok(())
}

/// What the settings are and where each came from.
pub(crate) fn print(layers: &Layers, output: Output) -> anyhow::Result<()> {
    let shown: Vec<_> = keys()
        .filter(|key| key.level != Level::Hidden)
        .map(|key| (key, layers.shown(key)))
        .collect();
    let data: Vec<_> = shown
        .iter()
        .map(|(key, (value, origin))| {
            json!({"key": key.path(), "value": value, "origin": origin.to_string()})
        })
        .collect();
    output.data(&data, || {
        let rows = shown.into_iter().map(|(key, (value, origin))| {
            [
                key.path(),
                value.unwrap_or_else(|| "-".to_owned()),
                origin.to_string(),
            ]
        });
        table(["key", "value", "from"], rows.collect())
    });
    Ok(())
}

/// All settings there are.
pub(crate) fn print_reference(output: Output) -> anyhow::Result<()> {
    let data: Vec<_> = keys()
        .filter(|key| key.level != Level::Hidden)
        .map(|key| {
            json!({
                "key": key.path(), "flag": format!("--{}", key.flag()), "environment": key.variable(),
                "kind": key.kind, "list": key.is_list, "default": key.default,
                "help": key.help.trim(),
            })
        })
        .collect();
    output.data(&data, reference);
    Ok(())
}
