//! One file for each verb.

mod call;
pub(crate) mod deploy;
pub(crate) mod devnet;
pub(crate) mod doctor;
mod orchestrators;
mod settings;
mod shell;
mod status;
mod streams;
mod workers;

use crate::assemble;
use crate::cli::{Invocation, Verb};
use crate::config::Config;
use crate::control::Control;
use crate::failure::Failure;

/// Does what was asked.
pub(crate) async fn run(invocation: Invocation) -> anyhow::Result<()> {
    let Invocation {
        verb,
        layers,
        output,
        node,
        warnings,
        secret,
    } = invocation;
    match verb {
        Verb::Completions(target) => return shell::completions(target),
        Verb::Man { markdown: true } => return shell::reference(),
        Verb::Man { markdown: false } => return shell::man(),
        Verb::ConfigReference => return settings::print_reference(output),
        Verb::ConfigCheck => return settings::check(&layers, output),
        Verb::Doctor {
            ref arguments,
            ref broken_file,
        } => return doctor::run(arguments, &layers, broken_file.as_ref(), output).await,
        _ => {}
    }
    let config = Config::read(&layers).map_err(|error| Failure::usage("config", error))?;
    let control = Control::new(&config, node)?;
    match verb {
        Verb::ConfigPrint => settings::print(&layers, output),
        Verb::Status { watch } => status::run(&control, output, watch).await,
        Verb::Streams(verb) => streams::run(&control, output, verb).await,
        Verb::Orchestrators(verb) => orchestrators::run(&control, output, verb).await,
        Verb::Workers(verb) => workers::run(&control, output, verb).await,
        Verb::Call { method, path, body } => {
            call::run(&control, &method, &path, body, output).await
        }
        Verb::Deploy(arguments) => deploy::run(*arguments, &config.node.folder(), output).await,
        Verb::Devnet(arguments) => {
            let data = config.node.folder();
            let _logs = assemble::logs(&config)?;
            devnet::run(arguments, &config.engine, &data, output).await
        }
        role => {
            assemble::run(
                role,
                assemble::Start {
                    config,
                    layers,
                    output,
                    warnings,
                    secret,
                },
            )
            .await
        }
    }
}
