//! The command line as a Markdown page, made from the same declarations as its help.

use std::fmt::Write;

use clap::{Arg, Command};

/// Every verb with its own options; those all verbs take stand once, at the end.
pub(crate) fn command_reference() -> String {
    let mut root = super::command(true);
    root.build();
    let mut page = String::from(
        "# Command line\n\n\
         `streamflow VERB [OPTIONS]`. `--help` shows what is needed daily, `--help-all` everything \
         below. Long options may be written with one dash. Every option that is a setting can also \
         stand in the configuration file or the environment: see [configuration.md](configuration.md).\n\n\
         Data goes to standard output, everything else to standard error. With `--json` standard \
         output carries one object: `{\"ok\":true,\"data\":…,\"warnings\":[…]}` or \
         `{\"ok\":false,\"error\":{\"code\",\"message\",\"hint\",\"retryable\",\"tx\"}}`; a failed \
         `doctor` adds `data`.\n\n\
         | exit | meaning |\n|---:|---|\n\
         | 0 | done; also an orderly drain |\n\
         | 1 | unexpected failure: a bug |\n\
         | 2 | usage or configuration wrong; nothing happened |\n\
         | 3 | a precondition is not met; nothing happened |\n\
         | 4 | a node or peer could not be reached |\n\
         | 5 | refused by a rule |\n\
         | 6 | a transaction reverted, was dropped, or was not confirmed in time |\n\
         | 7 | a check failed: `doctor`, `config check` |\n\
         | 130, 143 | interrupted or terminated before the drain had ended |\n",
    );
    for verb in root.get_subcommands() {
        section(&mut page, verb, "streamflow", 2);
    }
    page.push_str("\n## Everywhere\n\n");
    let everywhere: Vec<_> = root.get_arguments().filter(is_global).collect();
    options(&mut page, &everywhere);
    compatibility(&mut page);
    page
}

fn compatibility(page: &mut String) {
    page.push_str(
        "\n## Lines of the existing network's node\n\n\
         When the program is called as `livepeer`, or its first argument is one of the flags below \
         with a single dash, the whole line is read as that node reads it: flags, `LP_NAME` in the \
         environment, and a `-config` file of `key value` lines, in this order. A flag without effect \
         is named in the log; a refused one ends the start with exit code 2.\n\n\
         | flag | | |\n|---|---|---|\n",
    );
    for (name, class, why) in crate::compat::listed() {
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `-{name}` | {class} | {why} |");
    }
}

fn section(page: &mut String, verb: &Command, above: &str, depth: usize) {
    let name = format!("{above} {}", verb.get_name());
    let about = verb
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n{} {name}\n\n{}.\n",
        "#".repeat(depth),
        about.trim_end_matches('.')
    );
    let shown = |argument: &&Arg| !argument.is_hide_set() && !is_global(argument);
    let own: Vec<_> = verb.get_arguments().filter(shown).collect();
    if !own.is_empty() {
        page.push('\n');
        options(page, &own);
    }
    if let Some(examples) = verb.get_after_help() {
        let text = examples.to_string();
        let lines = text.lines().skip(1);
        page.push_str("\n```sh\n");
        for line in lines {
            let _ = writeln!(page, "{}", line.strip_prefix("  ").unwrap_or(line));
        }
        page.push_str("```\n");
    }
    for inner in verb.get_subcommands() {
        section(page, inner, &name, depth + 1);
    }
}

fn is_global(argument: &&Arg) -> bool {
    argument.is_global_set() || matches!(argument.get_id().as_str(), "help" | "version")
}

fn options(page: &mut String, arguments: &[&Arg]) {
    page.push_str("| option | meaning |\n|---|---|\n");
    for argument in arguments {
        let value = argument
            .get_value_names()
            .filter(|_| argument.get_action().takes_values())
            .map(|names| names.join(" "));
        let shown = match (argument.get_long(), value) {
            (Some(long), None) => format!("--{long}"),
            (Some(long), Some(value)) if argument.is_require_equals_set() => {
                format!("--{long}[={value}]")
            }
            (Some(long), Some(value)) => format!("--{long} {value}"),
            (None, value) => value.unwrap_or_default(),
        };
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        let _ = writeln!(page, "| `{}` | {} |", cell(&shown), cell(&help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_every_verb_and_no_hidden_option() {
        let page = command_reference();
        assert!(page.contains("| `-pricePerUnit` | refused | "), "{page}");
        for heading in [
            "## streamflow up",
            "## streamflow doctor",
            "### streamflow streams swap",
        ] {
            assert!(page.contains(heading), "{heading}");
        }
        for hidden in ["--misbehave", "`--max-face-value", "--pilot"] {
            assert!(!page.contains(hidden), "{hidden}");
        }
        assert!(page.contains("| `--drain-time TIME` |"), "{page}");
    }
}
