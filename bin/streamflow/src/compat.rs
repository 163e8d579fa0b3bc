//! Compatibility mode: the whole line is read with the flags, environment and configuration file
//! of the network's first node program, and translated into settings of ours. A unit file is
//! switched over by changing the program name.

mod flags;

use std::collections::BTreeMap;
use std::path::Path;

use crate::cli::{Invocation, Verb};
use crate::config::{Layers, Secret, keys};
use crate::failure::Failure;
use crate::output::Output;
use flags::{Class, FLAGS, Flag, Translation};

/// Largest configuration file; a larger one is the wrong file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Whether this line is one: the program is called `livepeer`, or the first argument is one of
/// its long flags with a single dash.
pub(crate) fn applies(arguments: &[String]) -> bool {
    let mut arguments = arguments.iter();
    let program = arguments.next().map(|path| Path::new(path).file_name());
    if program.flatten().is_some_and(|name| name == "livepeer") {
        return true;
    }
    arguments.next().is_some_and(|first| {
        first
            .strip_prefix('-')
            .filter(|name| !name.starts_with('-'))
            .is_some_and(|name| {
                let name = name.split('=').next().unwrap_or_default();
                flags::find(name).is_some()
            })
    })
}

/// Every flag with what becomes of it: `honoured`, `without effect` or `refused`, and why.
pub(crate) fn listed() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    FLAGS.iter().map(|flag| match flag.class {
        Class::Role => (flag.name, "honoured", "chooses the role"),
        Class::Honoured(_) => (flag.name, "honoured", ""),
        Class::NoEffect(why) => (flag.name, "without effect", why),
        Class::Refused(why) => (flag.name, "refused", why),
    })
}

/// A flag's value and how it was given.
#[derive(Clone, Debug)]
struct Given {
    value: String,
    shown: String,
}

type Settings = BTreeMap<&'static str, Given>;

/// Translates the line.
pub(crate) fn read(
    arguments: &[String],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Invocation, Failure> {
    let line = from_line(arguments.get(1..).unwrap_or_default())?;
    let environment = from_environment(&variable);
    let file = line.get("config").or_else(|| environment.get("config"));
    let mut settings = defaults();
    if let Some(file) = file {
        settings.extend(from_file(Path::new(&file.value))?);
    }
    settings.extend(environment);
    settings.extend(line);
    translate(settings)
}

/// Defaults that differ from ours.
fn defaults() -> Settings {
    [("maxSessions", "10"), ("maxAttempts", "3")]
        .into_iter()
        .map(|(name, value)| {
            let shown = format!("default of -{name}");
            (
                name,
                Given {
                    value: value.to_owned(),
                    shown,
                },
            )
        })
        .collect()
}

fn from_line(arguments: &[String]) -> Result<Settings, Failure> {
    let mut settings = Settings::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let Some(text) = argument
            .strip_prefix("--")
            .or_else(|| argument.strip_prefix('-'))
        else {
            return Err(Failure::usage("usage", format!("{argument:?} is no flag")));
        };
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        let flag = known(name)?;
        let value = match value {
            Some(value) => value,
            None if flag.is_switch => "true".to_owned(),
            None => rest
                .next()
                .cloned()
                .ok_or_else(|| Failure::usage("usage", format!("-{name} needs a value")))?,
        };
        settings.insert(
            flag.name,
            Given {
                value,
                shown: format!("-{}", flag.name),
            },
        );
    }
    Ok(settings)
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Settings {
    let given = FLAGS.iter().filter_map(|flag| {
        let name = format!("LP_{}", flag.name.to_ascii_uppercase());
        variable(&name).map(|value| (flag.name, Given { value, shown: name }))
    });
    given.collect()
}

fn from_file(path: &Path) -> Result<Settings, Failure> {
    let fail =
        |error: std::io::Error| Failure::usage("config", format!("{}: {error}", path.display()));
    if std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE_BYTES {
        return Err(Failure::usage(
            "config",
            format!("{} is too large", path.display()),
        ));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    let mut settings = Settings::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let shown = format!("{}:{number}", path.display());
        let (name, value) = line
            .split_once(char::is_whitespace)
            .unwrap_or((line, "true"));
        let flag = known(name).map_err(|failure| {
            Failure::usage(&failure.code, format!("{shown}: {}", failure.message))
        })?;
        settings.insert(
            flag.name,
            Given {
                value: value.trim().to_owned(),
                shown,
            },
        );
    }
    Ok(settings)
}

fn known(name: &str) -> Result<&'static Flag, Failure> {
    flags::find(name).ok_or_else(|| {
        let nearest = crate::config::nearest(name, FLAGS.iter().map(|flag| flag.name));
        let hint = nearest
            .map(|nearest| format!("did you mean -{nearest}?"))
            .unwrap_or_default();
        Failure::usage("usage", format!("there is no flag -{name}")).hint(hint)
    })
}

fn translate(settings: Settings) -> Result<Invocation, Failure> {
    for (name, given) in &settings {
        let flag = known(name)?;
        if let Class::Refused(why) = flag.class {
            return Err(refused(flag, given, why));
        }
    }
    let verb = role(&settings)?;
    let mut layers = Layers::default();
    let (mut warnings, mut secret) = (Vec::new(), None);
    for (name, given) in &settings {
        let flag = known(name)?;
        match flag.class {
            Class::Role | Class::Refused(_) => {}
            Class::NoEffect(why) => {
                warnings.push(format!("{} has no effect: {why}", given.shown));
            }
            Class::Honoured(translate) => match translate(&given.value, &verb) {
                Ok(Translation::Settings(pairs)) => {
                    for (path, value) in pairs {
                        let key = keys().find(|key| key.path() == path);
                        let key = key.expect("flags name settings that exist");
                        layers.add_flag(key, vec![value], given.shown.clone());
                    }
                }
                Ok(Translation::Secret(text)) => secret = Some(Secret::literal(&text)),
                // Nobody gave a default.
                Ok(Translation::NoEffect(_)) if given.shown.starts_with("default") => {}
                Ok(Translation::NoEffect(why)) => {
                    warnings.push(format!("{} has no effect: {why}", given.shown));
                }
                Err(problem) => {
                    let money = problem.contains(flags::PAYMENTS);
                    let code = if money {
                        "payments-not-offered"
                    } else {
                        "usage"
                    };
                    return Err(Failure::usage(code, format!("{}: {problem}", given.shown)));
                }
            },
        }
    }
    let output = Output::default();
    Ok(Invocation {
        verb,
        layers,
        output,
        node: None,
        warnings,
        secret,
    })
}

fn role(settings: &Settings) -> Result<Verb, Failure> {
    let on = |name: &str| {
        settings
            .get(name)
            .is_some_and(|given| given.value == "true")
    };
    let gateway = on("gateway") || on("broadcaster");
    match (gateway, on("orchestrator"), on("transcoder")) {
        (true, false, false) => Ok(Verb::Gateway),
        (false, true, _) => Ok(Verb::Orchestrator),
        (false, false, true) => Ok(Verb::Transcoder),
        (false, false, false) => Err(Failure::usage("no-role", "no role was given")
            .hint("add -gateway, -orchestrator or -transcoder")),
        (true, ..) => Err(Failure::usage("roles", "a gateway is a process of its own")
            .hint("start -gateway and -orchestrator separately")),
    }
}

fn refused(flag: &Flag, given: &Given, why: &str) -> Failure {
    let code = if why == flags::PAYMENTS {
        "payments-not-offered"
    } else {
        "flag-refused"
    };
    let shown = if given.shown == format!("-{}", flag.name) {
        given.shown.clone()
    } else {
        format!("{} ({})", flag.name, given.shown)
    };
    Failure::usage(code, format!("{shown} is refused: {why}"))
        .hint(format!("leave -{} out", flag.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Ladder};

    fn line(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn read_line(text: &str) -> Result<Invocation, Failure> {
        read(&line(text), |_| None)
    }

    #[test]
    fn the_mode_is_chosen_by_name_or_by_the_first_flag() {
        for (text, expected) in [
            ("livepeer", true),
            ("/usr/bin/livepeer --gateway", true),
            ("streamflow -gateway", true),
            ("streamflow -orchestrator=true -v 6", true),
            ("streamflow --gateway", false),
            ("streamflow gateway -json", false),
            ("streamflow -json status", false),
            ("streamflow", false),
        ] {
            assert_eq!(applies(&line(text)), expected, "{text}");
        }
    }

    #[test]
    fn an_off_chain_gateway_is_translated() {
        let text = "livepeer -gateway -network offchain -orchAddr https://a:1,b:2 -rtmpAddr :1936 \
                    -httpAddr 0.0.0.0:9936 -transcodingOptions P144p30fps16x9 -maxAttempts=5 \
                    -metricsPerStream -v 6 -monitor -datadir /tmp/x -httpIngest=false";
        let invocation = read_line(text).unwrap();
        assert!(matches!(invocation.verb, Verb::Gateway));
        let config = Config::read(&invocation.layers).unwrap();
        let gateway = &config.gateway;
        let ports: Vec<_> = gateway.orch.iter().map(|url| url.0.port()).collect();
        assert_eq!(ports, [Some(1), Some(2)]);
        assert_eq!(gateway.rtmp_addr.to_string(), "0.0.0.0:1936");
        assert_eq!(gateway.http_addr.to_string(), "0.0.0.0:9936");
        assert_eq!(
            gateway.ladder,
            Ladder::Presets(vec!["P144p30fps16x9".into()])
        );
        assert_eq!(
            (gateway.max_attempts, config.log.level.as_str()),
            (Some(5), "trace")
        );
        assert!(config.metrics.per_stream.0);
        assert_eq!(config.node.folder(), Path::new("/tmp/x"));
        assert_eq!(invocation.warnings.len(), 1, "{:?}", invocation.warnings);
    }

    #[test]
    fn an_orchestrator_takes_its_secret_and_its_transcoder() {
        let text = "livepeer -orchestrator -transcoder -orchSecret swordfish -serviceAddr h:8935 \
                    -httpAddr https://0.0.0.0:8936 -cliAddr 127.0.0.1:7936 -maxSessions auto";
        let invocation = read_line(text).unwrap();
        let config = Config::read(&invocation.layers).unwrap().orchestrator;
        assert!(config.transcoder.0);
        assert_eq!(config.service_addr.unwrap().0.port(), Some(8935));
        assert_eq!(config.listen.unwrap().port(), 8936);
        assert_eq!(invocation.secret.unwrap().expose(), "swordfish");
    }

    #[test]
    fn the_line_beats_the_environment_beats_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("lp.conf");
        std::fs::write(
            &file,
            "# a comment\ngateway true\nmaxAttempts 4\nmaxSessions 4\n\nv 2\n",
        )
        .unwrap();
        let arguments = line(&format!(
            "livepeer -config {} -maxSessions 6",
            file.display()
        ));
        let variable = |name: &str| (name == "LP_MAXATTEMPTS").then(|| "5".to_owned());
        let config = Config::read(&read(&arguments, variable).unwrap().layers).unwrap();
        assert_eq!(
            (config.gateway.max_attempts, config.gateway.max_sessions),
            (Some(5), 6)
        );
        assert_eq!(config.log.level, "warn");
        std::fs::write(&file, "gateway true\nmaxAtempts 4\n").unwrap();
        let failure = read(&arguments, |_| None).unwrap_err();
        assert!(
            failure
                .message
                .ends_with("lp.conf:2: there is no flag -maxAtempts"),
            "{failure}"
        );
    }

    #[test]
    fn what_concerns_money_or_trust_is_refused() {
        for (flags, code) in [
            ("-gateway -ethUrl http://x", "payments-not-offered"),
            (
                "-gateway -network arbitrum-one-mainnet",
                "payments-not-offered",
            ),
            ("-orchestrator -pricePerUnit 1", "payments-not-offered"),
            ("-gateway -verifierUrl http://x", "flag-refused"),
            ("-gateway -recordStore s3://x", "flag-refused"),
            ("-redeemer", "payments-not-offered"),
            ("-v 6", "no-role"),
            ("-gateway -orchestrator", "roles"),
            ("-gateway -nonsense", "usage"),
            ("-gateway -maxSessions", "usage"),
        ] {
            let failure = read_line(&format!("livepeer {flags}")).unwrap_err();
            assert_eq!(failure.code, code, "{flags}: {failure}");
            assert_eq!(failure.exit, crate::failure::Exit::Usage);
        }
    }

    #[test]
    fn every_translation_names_settings_that_exist() {
        for verb in [Verb::Gateway, Verb::Orchestrator, Verb::Transcoder] {
            for flag in FLAGS {
                let Class::Honoured(translate) = flag.class else {
                    continue;
                };
                for value in ["true", "3", "127.0.0.1:1", "offchain", "2s"] {
                    let Ok(Translation::Settings(pairs)) = translate(value, &verb) else {
                        continue;
                    };
                    for (path, _) in pairs {
                        assert!(keys().any(|key| key.path() == path), "{path}");
                    }
                }
            }
        }
    }
}
