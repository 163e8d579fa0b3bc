//! The parameters of a deployment: a preset, and a file with what differs from it.

use std::path::Path;

use clap::ValueEnum;
use serde_json::{Map, Value, json};
use streamflow_chain::deploy::Parameters;

use crate::config::nearest;
use crate::failure::Failure;
use crate::output::Output;

/// Parameters to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Those of the live network: paused at first, its Governor in charge, no free tokens
    Live,
    /// Those of a network for trials: running, with a faucet, the deployer in charge, short rounds
    Devnet,
}

/// What was chosen.
pub(super) struct Chosen {
    pub(super) preset: Preset,
    pub(super) parameters: Parameters,
    /// Names of those that the file gives.
    pub(super) own: Vec<String>,
}

impl Preset {
    fn parameters(self) -> Parameters {
        match self {
            Self::Live => Parameters::default(),
            Self::Devnet => Parameters::devnet(),
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Devnet => "devnet",
        }
    }
}

/// Lays the file over the preset.
pub(super) fn choose(preset: Preset, file: Option<&Path>) -> Result<Chosen, Failure> {
    let mut chosen = Chosen {
        preset,
        parameters: preset.parameters(),
        own: Vec::new(),
    };
    if let Some(file) = file {
        let refuse = |reason: String| {
            let message = format!("--params: {}: {reason}", file.display());
            Failure::usage("params", message).hint("--print-params shows what may stand there")
        };
        let text = std::fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
        overlay(&mut chosen, &text).map_err(refuse)?;
    }
    let problems = chosen.parameters.problems();
    if !problems.is_empty() {
        return Err(Failure::usage("params", problems.join("; ")));
    }
    Ok(chosen)
}

fn overlay(chosen: &mut Chosen, text: &str) -> Result<(), String> {
    let file: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
    let mut all = table(&chosen.parameters);
    for (name, value) in file {
        let names = || all.keys().map(String::as_str);
        if !all.contains_key(&name) {
            let near = nearest(&name, names());
            let near = near.map_or_else(
                || format!("there are {}", names().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean {near}?"),
            );
            return Err(format!("{name} is no parameter; {near}"));
        }
        all.insert(name.clone(), json!(value));
        // One at a time, so that what is wrong has a name.
        chosen.parameters = serde_json::from_value(Value::Object(all.clone()))
            .map_err(|error| format!("{name}: {error}"))?;
        chosen.own.push(name);
    }
    Ok(())
}

fn table(parameters: &Parameters) -> Map<String, Value> {
    match json!(parameters) {
        Value::Object(table) => table,
        _ => unreachable!("a structure becomes an object"),
    }
}

/// Prints the parameters as a file that `--params` reads.
pub(super) fn print(chosen: &Chosen, output: Output) {
    output.data(&plain(&chosen.parameters), || as_file(&chosen.parameters));
}

fn as_file(parameters: &Parameters) -> String {
    let mut text = String::new();
    let mut tables = String::new();
    for (name, value) in plain(parameters) {
        match value {
            Value::Null => text += &format!("# {name} is not set\n"),
            Value::Object(inner) => {
                tables += &format!("\n[{name}]\n");
                for (name, value) in inner {
                    tables += &format!("{name} = {value}\n");
                }
            }
            value => text += &format!("{name} = {value}\n"),
        }
    }
    text + &tables
}

/// The parameters with amounts as decimal text.
pub(super) fn plain(parameters: &Parameters) -> Map<String, Value> {
    let mut all = table(parameters);
    // What is not a number: bytes and addresses, whose hex stays hex.
    let hex = ["commit", "token", "governance", "l1Supply"];
    for (name, value) in &mut all {
        if !hex.contains(&name.as_str()) {
            decimal(value);
        }
    }
    all
}

fn decimal(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(number) = text.parse::<alloy_primitives::U256>() {
                *text = number.to_string();
            }
        }
        Value::Object(inner) => inner.values_mut().for_each(decimal),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    fn with(text: &str) -> Result<Chosen, String> {
        let mut chosen = choose(Preset::Devnet, None).unwrap();
        overlay(&mut chosen, text).map(|()| chosen)
    }

    #[test]
    fn a_file_changes_what_it_names_and_wrong_names_and_values_are_named() {
        let chosen =
            with("roundLength = 100\nproposalThreshold = \"5000000000000000000\"").unwrap();
        assert_eq!(chosen.parameters.round_length, U256::from(100));
        assert_eq!(chosen.own, ["proposalThreshold", "roundLength"]);
        assert_eq!(chosen.parameters.unbonding_period, 7);
        let wrong = |text: &str| with(text).err().unwrap();
        assert!(wrong("roundLenght = 100").contains("did you mean roundLength?"));
        assert!(wrong("roundLength = \"many\"").starts_with("roundLength: "));
        assert!(wrong("token = \"0x12\"").starts_with("token: "));
        assert!(wrong("[faucet]\nsupply = 1").starts_with("faucet: "));
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        for preset in [Preset::Live, Preset::Devnet] {
            let chosen = choose(preset, None).unwrap();
            let mut again = choose(preset, None).unwrap();
            overlay(&mut again, &as_file(&chosen.parameters)).unwrap();
            assert_eq!(again.parameters, chosen.parameters);
        }
    }
}
