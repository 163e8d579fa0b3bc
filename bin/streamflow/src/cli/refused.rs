//! Options and verbs this build knows of and does not offer. Each is refused with a sentence of its
//! own, so that nobody believes an option worked because it was swallowed.

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};

use crate::failure::{Exit, Failure};

const PAYMENTS: &str = "payments on chain are not offered by this build yet";
const OWN_PAYMENTS: &str = "paying for work is not offered by this build yet";

struct Refused {
    verb: &'static str,
    option: &'static str,
    is_switch: bool,
    why: &'static str,
}

const fn option(
    verb: &'static str,
    option: &'static str,
    is_switch: bool,
    why: &'static str,
) -> Refused {
    Refused {
        verb,
        option,
        is_switch,
        why,
    }
}

const OPTIONS: [Refused; 10] = [
    option("gateway", "max-price", false, OWN_PAYMENTS),
    option("gateway", "signer", false, OWN_PAYMENTS),
    option("up", "max-price", false, OWN_PAYMENTS),
    option(
        "up",
        "pilot",
        true,
        "a pilot is not offered by this build yet",
    ),
    option("orchestrator", "price", false, PAYMENTS),
    option("orchestrator", "ticket-ev", false, PAYMENTS),
    option("orchestrator", "max-face-value", false, PAYMENTS),
    option("orchestrator", "redeemer", false, PAYMENTS),
    option("orchestrator", "no-reward", true, PAYMENTS),
    option("orchestrator", "init-rounds", true, PAYMENTS),
];

/// Verbs of the network that need what this build lacks.
const VERBS: [(&str, &str); 5] = [
    (
        "payments on chain are",
        "redeemer price wallet fund unlock cancel-unlock withdraw ticket register \
      resign configure reward round delegate move undelegate redelegate claim withdraw-stake \
      withdraw-fees stake poll proposal vote clearinghouse explorer mine",
    ),
    ("joining a pool is", "join pool"),
    ("attaching to a media server is", "attach detach agent"),
    ("measuring capacity on request is", "bench"),
    (
        "this verb is",
        "setup alert savings drain resume migrate explain",
    ),
];

/// The options of this verb that are refused, hidden from its help.
pub(super) fn arguments(verb: &'static str) -> impl Iterator<Item = Arg> {
    OPTIONS
        .iter()
        .filter(move |refused| refused.verb == verb)
        .map(|refused| {
            let argument = Arg::new(id(refused))
                .long(refused.option)
                .num_args(if refused.is_switch { 0..=1 } else { 1..=1 })
                .hide(true);
            if refused.is_switch {
                argument.require_equals(true).default_missing_value("true")
            } else {
                argument
            }
        })
}

/// Fails when one of them was given.
pub(super) fn check(verb: &str, matches: &ArgMatches) -> Result<(), Failure> {
    let given = |refused: &&Refused| {
        refused.verb == verb && matches.value_source(&id(refused)) == Some(ValueSource::CommandLine)
    };
    match OPTIONS.iter().find(given) {
        Some(refused) => Err(Failure::new(
            Exit::Usage,
            "not-offered",
            format!("--{} is refused: {}", refused.option, refused.why),
        )
        .hint(format!("leave --{} out", refused.option))),
        None => Ok(()),
    }
}

/// What to say to a verb that is known and not offered.
pub(super) fn verb(name: &str) -> Option<Failure> {
    let (what, _) = VERBS
        .iter()
        .find(|(_, names)| names.split_whitespace().any(|known| known == name))?;
    let message = format!("{name}: {what} not offered by this build yet");
    Some(Failure::usage("not-offered", message).hint("streamflow --help lists the verbs there are"))
}

fn id(refused: &Refused) -> String {
    format!("refused.{}", refused.option)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_refused_verb_is_offered() {
        let offered = crate::cli::command(true);
        for (_, names) in VERBS {
            for name in names.split_whitespace() {
                assert!(offered.find_subcommand(name).is_none(), "{name}");
                assert!(verb(name).is_some(), "{name}");
            }
        }
        assert!(verb("gatway").is_none());
    }
}
