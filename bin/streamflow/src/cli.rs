//! The command line: what may be typed, and what it means. Flags of roles are made from the
//! settings in `config`, so they cannot disagree.

mod arguments;
mod command;
mod page;
mod refused;

pub(crate) use command::command;
pub(crate) use page::command_reference;

use clap::{ArgMatches, FromArgMatches};

use crate::commands::deploy::DeployArgs;
use crate::commands::devnet::DevnetArgs;
use crate::commands::doctor::DoctorArgs;
use crate::compat;
use crate::config::{Layers, keys, usual_files};
use crate::failure::Failure;
use crate::output::Output;

/// A command line that was understood.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) verb: Verb,
    /// Settings by layer.
    pub(crate) layers: Layers,
    pub(crate) output: Output,
    /// Control API to talk to, where one was named.
    pub(crate) node: Option<String>,
    /// What the person should know before anything starts.
    pub(crate) warnings: Vec<String>,
    /// The secret of compatibility mode, which comes as text.
    pub(crate) secret: Option<crate::config::Secret>,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Verb {
    Up(Up),
    Gateway,
    Orchestrator,
    Transcoder,
    Devnet(DevnetArgs),
    Deploy(Box<DeployArgs>),
    Status {
        watch: bool,
    },
    Streams(StreamsVerb),
    Orchestrators(OrchestratorsVerb),
    Workers(WorkersVerb),
    Doctor {
        arguments: DoctorArgs,
        /// What is wrong with the configuration file, where it could not be read.
        broken_file: Option<Failure>,
    },
    ConfigCheck,
    ConfigPrint,
    ConfigReference,
    Call {
        method: String,
        path: String,
        body: Option<String>,
    },
    Completions(clap_complete::Shell),
    Man {
        markdown: bool,
    },
}

/// `streamflow up …`.
#[derive(Clone, Debug)]
pub(crate) struct Up {
    /// Let other machines in.
    pub(crate) public: bool,
    /// What to run.
    pub(crate) roles: Vec<UpRole>,
    /// Show the player page in a browser.
    pub(crate) open: bool,
    /// Leave the dashboard out.
    pub(crate) no_dashboard: bool,
}

/// A role `up` can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum UpRole {
    /// Streams in, renditions out
    Gateway,
    /// Sells work to gateways
    Orchestrator,
    /// Does the work on this machine
    Transcoder,
}

/// `streamflow streams …`.
#[derive(Debug)]
pub(crate) enum StreamsVerb {
    List { watch: bool },
    Show(String),
    Stop(String),
    Swap(String),
}

/// `streamflow orchestrators …`.
#[derive(Debug)]
pub(crate) enum OrchestratorsVerb {
    List { watch: bool },
    Probe(String),
    Block(String),
    Unblock(String),
}

/// `streamflow workers …`.
#[derive(Debug)]
pub(crate) enum WorkersVerb {
    List { watch: bool },
    Drain(String),
    Remove(String),
}

/// Why there is no invocation.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// Help, version, or a line that does not parse: print it.
    Answer(clap::Error),
    /// Configuration that is wrong.
    Failure { failure: Failure, output: Output },
}

/// Reads the arguments, program name first, the environment and the configuration file.
pub(crate) fn read(
    arguments: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Invocation, ReadError> {
    if compat::applies(arguments) {
        if arguments
            .iter()
            .any(|argument| matches!(argument.as_str(), "-version" | "--version"))
        {
            let version = command(false).try_get_matches_from(["streamflow", "--version"]);
            return Err(ReadError::Answer(
                version.expect_err("clap answers with the version"),
            ));
        }
        let output = Output::default();
        return compat::read(arguments, &variable)
            .map_err(|failure| ReadError::Failure { failure, output });
    }
    let arguments = arguments::with_double_dashes(arguments);
    let (all, arguments) = arguments::take_help_all(arguments);
    let matches = match command(all).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return Err(answer(error, &arguments)),
    };
    let (_, verb) = matches.subcommand().expect("clap requires a verb");
    let output = Output {
        json: verb.get_flag("json"),
        quiet: verb.get_flag("quiet"),
    };
    understand(&matches, output, variable).map_err(|failure| ReadError::Failure { failure, output })
}

/// Usage errors speak JSON as well when that was asked for.
fn answer(error: clap::Error, arguments: &[String]) -> ReadError {
    let json = arguments.iter().any(|argument| argument == "--json");
    let unknown = error.get(clap::error::ContextKind::InvalidSubcommand);
    if let Some(clap::error::ContextValue::String(name)) = unknown
        && let Some(failure) = refused::verb(name)
    {
        let output = Output { json, quiet: false };
        return ReadError::Failure { failure, output };
    }
    if error.use_stderr() && json {
        let text = error.to_string();
        // The first paragraph: what is missing stands in lines of its own.
        let lines = text.lines().map(str::trim);
        let message: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let message = message.join(" ");
        let message = message.trim_start_matches("error: ");
        let failure = Failure::usage("usage", message).hint("see streamflow --help");
        return ReadError::Failure {
            failure,
            output: Output {
                json: true,
                quiet: true,
            },
        };
    }
    ReadError::Answer(error)
}

fn understand(
    matches: &ArgMatches,
    output: Output,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Invocation, Failure> {
    let (name, inner) = matches.subcommand().expect("clap requires a verb");
    refused::check(name, inner)?;
    let mut layers = Layers::default();
    let mut broken_file = None;
    if let Err(failure) = add_file(&mut layers, inner.get_one::<String>("config"), &variable) {
        // A doctor names what is broken and looks at the rest.
        if name != "doctor" {
            return Err(failure);
        }
        broken_file = Some(failure);
    }
    layers.add_environment(&variable);
    for key in keys() {
        let id = key.path();
        let given = inner.try_get_many::<String>(&id).ok().flatten();
        if let Some(values) = given
            && inner.value_source(&id) == Some(clap::parser::ValueSource::CommandLine)
        {
            layers.add_flag(key, values.cloned().collect(), format!("--{}", key.flag()));
        }
    }
    let mut verb = verb(name, inner)?;
    if let Verb::Doctor {
        broken_file: place, ..
    } = &mut verb
    {
        *place = broken_file;
    }
    Ok(Invocation {
        verb,
        layers,
        output,
        node: inner.get_one::<String>("node").cloned(),
        warnings: Vec::new(),
        secret: None,
    })
}

fn add_file(
    layers: &mut Layers,
    named: Option<&String>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), Failure> {
    let named = named.cloned().or_else(|| variable("STREAMFLOW_CONFIG"));
    let file = match named {
        Some(file) => Some(file.into()),
        None => usual_files().into_iter().find(|file| file.is_file()),
    };
    match file {
        Some(file) => layers
            .add_file(&file)
            .map_err(|error| Failure::usage("config", error)),
        None => Ok(()),
    }
}

fn verb(name: &str, matches: &ArgMatches) -> Result<Verb, Failure> {
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    Ok(match name {
        "up" => Verb::Up(up(matches)),
        "gateway" => Verb::Gateway,
        "orchestrator" => Verb::Orchestrator,
        "transcoder" => Verb::Transcoder,
        "devnet" => Verb::Devnet(
            DevnetArgs::from_arg_matches(matches)
                .map_err(|error| Failure::usage("usage", error))?,
        ),
        "deploy" => Verb::Deploy(Box::new(
            DeployArgs::from_arg_matches(matches)
                .map_err(|error| Failure::usage("usage", error))?,
        )),
        "doctor" => Verb::Doctor {
            arguments: DoctorArgs::from_arg_matches(matches)
                .map_err(|error| Failure::usage("usage", error))?,
            broken_file: None,
        },
        "status" => Verb::Status {
            watch: matches.get_flag("watch"),
        },
        "streams" | "orchestrators" | "workers" | "config" => nested(name, matches),
        "call" => Verb::Call {
            method: text("method"),
            path: text("path"),
            body: matches.get_one("body").cloned(),
        },
        "completions" => Verb::Completions(
            matches
                .get_one("shell")
                .copied()
                .expect("clap requires a shell"),
        ),
        "man" => Verb::Man {
            markdown: matches.get_flag("markdown"),
        },
        other => unreachable!("clap knows no verb {other}"),
    })
}

fn up(matches: &ArgMatches) -> Up {
    let roles = matches.get_many::<UpRole>("role");
    Up {
        public: matches.get_flag("public"),
        roles: roles
            .map(|roles| roles.copied().collect())
            .unwrap_or_default(),
        open: matches.get_flag("open"),
        no_dashboard: matches.get_flag("no-dashboard"),
    }
}

fn nested(name: &str, matches: &ArgMatches) -> Verb {
    let (action, inner) = matches.subcommand().expect("clap requires an action");
    let id = || inner.get_one::<String>("id").cloned().unwrap_or_default();
    let watch = || inner.get_flag("watch");
    match (name, action) {
        ("streams", "list") => Verb::Streams(StreamsVerb::List { watch: watch() }),
        ("streams", "show") => Verb::Streams(StreamsVerb::Show(id())),
        ("streams", "stop") => Verb::Streams(StreamsVerb::Stop(id())),
        ("streams", "swap") => Verb::Streams(StreamsVerb::Swap(id())),
        ("orchestrators", "list") => {
            Verb::Orchestrators(OrchestratorsVerb::List { watch: watch() })
        }
        ("orchestrators", "probe") => Verb::Orchestrators(OrchestratorsVerb::Probe(id())),
        ("orchestrators", "block") => Verb::Orchestrators(OrchestratorsVerb::Block(id())),
        ("orchestrators", "unblock") => Verb::Orchestrators(OrchestratorsVerb::Unblock(id())),
        ("workers", "list") => Verb::Workers(WorkersVerb::List { watch: watch() }),
        ("workers", "drain") => Verb::Workers(WorkersVerb::Drain(id())),
        ("workers", "remove") => Verb::Workers(WorkersVerb::Remove(id())),
        ("config", "check") => Verb::ConfigCheck,
        ("config", "print") => Verb::ConfigPrint,
        ("config", "reference") => Verb::ConfigReference,
        (name, action) => unreachable!("clap knows no {name} {action}"),
    }
}
