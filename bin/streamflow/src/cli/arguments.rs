//! The arguments before they are parsed.

/// `-rtmp-addr` becomes `--rtmp-addr`: long flags may be written with one dash. Single letters,
/// negative numbers and what follows `--` stay as they are.
pub(super) fn with_double_dashes(arguments: &[String]) -> Vec<String> {
    let mut literal = false;
    let mut seen_first = false;
    arguments
        .iter()
        .map(|argument| {
            literal |= argument == "--";
            let is_program = !std::mem::replace(&mut seen_first, true);
            if literal || is_program || !is_long_with_one_dash(argument) {
                argument.clone()
            } else {
                format!("-{argument}")
            }
        })
        .collect()
}

fn is_long_with_one_dash(argument: &str) -> bool {
    let Some(name) = argument.strip_prefix('-') else {
        return false;
    };
    let name = name.split('=').next().unwrap_or_default();
    name.len() > 1
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Whether `--help-all` was asked for, and the arguments with `--help` in its place.
pub(super) fn take_help_all(arguments: Vec<String>) -> (bool, Vec<String>) {
    let mut all = false;
    let arguments = arguments
        .into_iter()
        .map(|argument| {
            if argument == "--help-all" {
                all = true;
                "--help".to_owned()
            } else {
                argument
            }
        })
        .collect();
    (all, arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_is_enough_for_long_flags() {
        let given = [
            "streamflow",
            "gateway",
            "-rtmp-addr=x",
            "-h",
            "-1",
            "--json",
            "--",
            "-raw",
        ];
        let given: Vec<_> = given.map(str::to_owned).into();
        assert_eq!(
            with_double_dashes(&given),
            [
                "streamflow",
                "gateway",
                "--rtmp-addr=x",
                "-h",
                "-1",
                "--json",
                "--",
                "-raw"
            ]
        );
    }
}
