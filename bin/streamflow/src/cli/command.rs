//! What may be typed.

use clap::builder::{PossibleValuesParser, StyledStr, styling};
use clap::{Arg, ArgAction, Args, Command, ValueHint, value_parser};

use super::{UpRole, refused};
use crate::commands::deploy::DeployArgs;
use crate::commands::devnet::DevnetArgs;
use crate::commands::doctor::DoctorArgs;
use crate::config::{Key, Level, keys};

/// Settings every verb takes.
const GLOBAL_KEYS: [&str; 4] = ["node.network", "node.data_dir", "log.level", "log.format"];

/// The command line. With `all`, help shows every option.
pub(crate) fn command(all: bool) -> Command {
    let mut command = Command::new("streamflow")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Live video transcoding by a network of machines")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .styles(styling::Styles::plain())
        .help_template(TEMPLATE)
        .after_help(EXAMPLES)
        .subcommands(roles(all))
        .subcommand(devnet())
        .subcommands(questions())
        .subcommands(tools());
    for argument in globals(all) {
        command = command.arg(argument.global(true));
    }
    command
}

/// Verbs by what they are for; a test holds it against the verbs there are.
const TEMPLATE: &str = "\
{about}

Usage: streamflow <VERB> [OPTIONS]

Running roles:
  up             Everything on this machine: gateway, transcoding, player page
  gateway        Take streams, have them transcoded, serve them
  orchestrator   Sell transcoding, on this machine or by attached transcoders
  transcoder     Work for one orchestrator
  devnet         A whole network on this machine

Asking and acting:
  status         How the nodes of this machine are doing
  streams        Streams of a gateway
  orchestrators  Orchestrators a gateway knows
  workers        Transcoders attached to an orchestrator
  deploy         The protocol's contracts, put on a chain
  doctor         What keeps a node of this machine from working
  config         The settings: check, print, reference
  call           Ask the control API of a node directly
  completions    Completions for a shell
  man            The manual page

{options}{after-help}";

const EXAMPLES: &str = "\
Examples:
  streamflow up                                       everything on this machine
  streamflow devnet up                                a whole network on this machine
  streamflow gateway --orch https://10.0.0.2:8935     send work to an orchestrator
  streamflow status                                   how the nodes of this machine are doing

streamflow VERB --help explains a verb, --help-all shows every option.";

fn globals(all: bool) -> Vec<Arg> {
    let switch = |id: &'static str, help: &'static str| {
        Arg::new(id)
            .long(id)
            .action(ArgAction::SetTrue)
            .help(help)
            .help_heading("Everywhere")
    };
    let text = |id: &'static str, value: &'static str, help: &'static str| {
        Arg::new(id)
            .long(id)
            .value_name(value)
            .help(help)
            .help_heading("Everywhere")
    };
    let mut arguments = vec![
        text("config", "FILE", "Configuration file").value_hint(ValueHint::FilePath),
        text("node", "URL", "Control API of the node to talk to").hide(!all),
        switch("json", "Answer as one JSON object"),
        switch("quiet", "No remarks, results only").hide(!all),
        text("color", "WHEN", "Colours: auto, never or always")
            .value_parser(PossibleValuesParser::new(["auto", "never", "always"]))
            .default_value("auto")
            .hide(true),
        switch("help-all", "Help with every option").hide(!all),
    ];
    for key in keys().filter(|key| GLOBAL_KEYS.contains(&key.path().as_str())) {
        let shown = all || key.name == "data_dir";
        arguments.push(setting(key, all).help_heading("Everywhere").hide(!shown));
    }
    arguments
}

fn roles(all: bool) -> Vec<Command> {
    vec![
        role("up", &["gateway", "engine", "node", "metrics"], all)
            .about("Everything on this machine: gateway, transcoding, player page")
            .args(up_options())
            .after_help(
                "Examples:\n  streamflow up\n  streamflow up --ladder P720p30fps16x9,P360p30fps16x9\n  \
                 streamflow up --role gateway,orchestrator,transcoder --open",
            ),
        role("gateway", &["gateway", "engine", "node", "metrics"], all)
            .about("Take streams, have them transcoded, serve them")
            .after_help(
                "Example:\n  streamflow gateway --orch https://10.0.0.2:8935 --orch https://10.0.0.3:8935 \\\n      \
                 --ladder P360p30fps16x9,P240p30fps16x9",
            ),
        role("orchestrator", &["orchestrator", "engine", "node", "metrics"], all)
            .about("Sell transcoding, on this machine or by attached transcoders")
            .after_help(
                "Examples:\n  streamflow orchestrator --service-addr https://10.0.0.2:8935 --transcoder\n  \
                 streamflow orchestrator --service-addr https://10.0.0.2:8935 --secret-file secret",
            ),
        role("transcoder", &["transcoder", "engine", "node", "metrics"], all)
            .about("Work for one orchestrator")
            .after_help("Example:\n  streamflow transcoder --orch 10.0.0.2:8935 --secret-file secret"),
    ]
}

fn up_options() -> [Arg; 4] {
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .action(ArgAction::SetTrue)
            .help(help)
    };
    [
        Arg::new("role")
            .long("role")
            .value_name("LIST")
            .value_delimiter(',')
            .default_value("gateway,transcoder")
            .hide_possible_values(true)
            .value_parser(clap::builder::EnumValueParser::<UpRole>::new())
            .help("What to run: gateway, orchestrator, transcoder"),
        switch("public", "Let other machines publish and watch"),
        switch("open", "Show the player page in a browser"),
        switch(
            "no-dashboard",
            "Leave the dashboard out; this build has none",
        )
        .hide(true),
    ]
}

/// Settings beyond the common ones in the short help of those who come for them.
const SHOWN: [(&str, &str); 2] = [
    ("orchestrator", "engine.device"),
    ("transcoder", "engine.device"),
];

fn role(name: &'static str, tables: &[&str], all: bool) -> Command {
    let own =
        |key: &&Key| tables.contains(&key.table) && !GLOBAL_KEYS.contains(&key.path().as_str());
    let arguments: Vec<_> = tables
        .iter()
        .flat_map(|table| keys().filter(move |key| key.table == *table))
        .filter(own)
        .map(|key| setting(key, all || SHOWN.contains(&(name, &key.path()))))
        .collect();
    Command::new(name)
        .args(arguments)
        .args(refused::arguments(name))
}

/// A setting as a flag.
fn setting(key: &'static Key, all: bool) -> Arg {
    let mut help = key.help.trim().trim_end_matches('.').to_owned();
    if let Some(default) = key.default.filter(|default| *default != "false") {
        help = format!("{help} [default: {default}]");
    }
    let shown = match key.level {
        Level::Common => true,
        Level::More => all,
        Level::Hidden => false,
    };
    let argument = Arg::new(key.path())
        .long(key.flag())
        .value_name(key.kind)
        .help(StyledStr::from(help))
        .hide(!shown);
    if key.is_switch {
        argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_name("BOOL")
    } else if key.is_list {
        argument.action(ArgAction::Append)
    } else {
        argument
    }
}

fn devnet() -> Command {
    DevnetArgs::augment_args(Command::new("devnet"))
        .about("A whole network on this machine")
        .after_help(
            "Examples:\n  streamflow devnet up --video film.mp4\n  \
             streamflow devnet kill orchestrator-1",
        )
}

fn watch() -> Arg {
    Arg::new("watch")
        .long("watch")
        .action(ArgAction::SetTrue)
        .help("Refresh until interrupted")
}

fn id(name: &'static str, help: &'static str) -> Arg {
    Arg::new("id").value_name(name).required(true).help(help)
}

fn questions() -> Vec<Command> {
    let group = |name: &'static str| {
        Command::new(name)
            .subcommand_required(true)
            .arg_required_else_help(true)
    };
    let list = |about: &'static str| Command::new("list").about(about).arg(watch());
    let stream = || id("ID", "Manifest id, as in streams list");
    let url = || id("URL", "Its address, as https://host:8935");
    let worker = || id("ID", "Its name, as in workers list");
    vec![
        Command::new("status")
            .about("How the nodes of this machine are doing")
            .arg(watch())
            .after_help(
                "Examples:\n  streamflow status --watch\n  streamflow status --node 127.0.0.1:7935 --json",
            ),
        group("streams").about("Streams of a gateway").after_help(
            "Examples:\n  streamflow streams list --watch\n  streamflow streams show NAME",
        ).subcommands([
            list("The streams that run"),
            Command::new("show")
                .about("One stream with its recent segments")
                .arg(stream()),
            Command::new("stop").about("End a stream").arg(stream()),
            Command::new("swap")
                .about("Move a stream to another orchestrator")
                .arg(stream()),
        ]),
        group("orchestrators")
            .about("Orchestrators a gateway knows")
            .after_help(
                "Examples:\n  streamflow orchestrators list\n  \
                 streamflow orchestrators probe https://10.0.0.2:8935",
            )
            .subcommands([
                list("The orchestrators with state and latency"),
                Command::new("probe")
                    .about("Ask one for its offer now")
                    .arg(url()),
                Command::new("block").about("Use one no more").arg(url()),
                Command::new("unblock").about("Use one again").arg(url()),
            ]),
        group("workers")
            .about("Transcoders attached to an orchestrator")
            .after_help("Examples:\n  streamflow workers list\n  streamflow workers drain 10.0.0.3:40112")
            .subcommands([
                list("The transcoders with their load"),
                Command::new("drain")
                    .about("Give one no new session")
                    .arg(worker()),
                Command::new("remove").about("Let one go").arg(worker()),
            ]),
    ]
}

fn tools() -> Vec<Command> {
    let text = |name: &'static str, value: &'static str| Arg::new(name).value_name(value);
    vec![
        deploy(),
        doctor(),
        Command::new("config")
            .about("The settings")
            .after_help(
                "Examples:\n  streamflow config check --config streamflow.toml\n  streamflow config print",
            )
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands([
                Command::new("check").about("Whether they are right"),
                Command::new("print").about("What they are and where each came from"),
                Command::new("reference").about("All there are, as a page"),
            ]),
        Command::new("call")
            .about("Ask the control API of a node directly")
            .arg(text("method", "METHOD").required(true).help("GET or POST"))
            .arg(
                text("path", "PATH")
                    .required(true)
                    .help("For example /api/v1/status"),
            )
            .arg(text("body", "JSON").help("Body to send"))
            .after_help(
                "Examples:\n  streamflow call GET /api/v1/status\n  streamflow call POST /api/v1/drain",
            ),
        Command::new("completions")
            .about("Completions for a shell")
            .arg(
                text("shell", "SHELL")
                    .required(true)
                    .value_parser(value_parser!(clap_complete::Shell)),
            )
            .after_help("Example:\n  streamflow completions bash > /etc/bash_completion.d/streamflow"),
        Command::new("man")
            .about("The manual page")
            .arg(
                Arg::new("markdown")
                    .long("markdown")
                    .action(ArgAction::SetTrue)
                    .help("Every verb and option, as a Markdown page"),
            )
            .after_help("Example:\n  streamflow man | man -l -"),
    ]
}

fn deploy() -> Command {
    DeployArgs::augment_args(Command::new("deploy"))
        .about("The protocol's contracts, put on a chain: plans, and sends with --yes")
        .after_help(
            "Examples:\n  streamflow deploy --rpc http://127.0.0.1:8545 --preset devnet --key-file key\n  \
             streamflow deploy --rpc http://127.0.0.1:8545 --preset devnet --key-file key --yes\n  \
             streamflow deploy --print-params > params.toml",
        )
}

/// With the engine's options, so that a sandbox that may be incomplete can be looked at as such.
fn doctor() -> Command {
    let engine = keys().filter(|key| key.table == "engine");
    DoctorArgs::augment_args(Command::new("doctor"))
        .about("What keeps a node of this machine from working, each with cause and fix")
        .args(engine.map(|key| setting(key, false)))
        .after_help(
            "Examples:\n  streamflow doctor\n  streamflow doctor --only ports,ffmpeg\n  \
             streamflow doctor --report report.json",
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grouped_list_has_every_verb_once() {
        for verb in command(true).get_subcommands() {
            let line = format!("\n  {} ", verb.get_name());
            assert_eq!(TEMPLATE.matches(&line).count(), 1, "{line}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        command(false).debug_assert();
        command(true).debug_assert();
    }

    #[test]
    fn help_fits_a_screen_and_help_all_shows_the_rest() {
        let mut brief = command(false);
        assert!(brief.render_help().to_string().lines().count() <= 40);
        for verb in ["up", "gateway", "orchestrator", "transcoder"] {
            let help = |all| {
                let mut command = command(all);
                command.build();
                command
                    .find_subcommand_mut(verb)
                    .unwrap()
                    .render_help()
                    .to_string()
            };
            let (brief, full) = (help(false), help(true));
            assert!(brief.lines().count() <= 40, "{brief}");
            assert!(brief.contains("Example"), "{brief}");
            assert!(full.contains("--drain-time") && !brief.contains("--drain-time"));
            assert!(!full.contains("--misbehave"), "{full}");
        }
    }
}
