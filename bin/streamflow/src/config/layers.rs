//! The layers and their order: flag, environment, file, default.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::Key;
use super::setting::{Raw, Setting};
use super::tables::keys;

/// Largest configuration file; a larger one is the wrong file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag(String),
    Environment(String),
    File { path: PathBuf, line: usize },
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Default => write!(f, "default"),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is larger than a configuration file can be")]
    FileTooLarge { path: PathBuf },
    #[error("{path}:{line}: {problem}")]
    Syntax {
        path: PathBuf,
        line: usize,
        problem: String,
    },
    #[error("{path}:{line}: there is no {name:?}{}", did_you_mean(nearest))]
    UnknownKey {
        path: PathBuf,
        line: usize,
        name: String,
        nearest: Option<String>,
    },
    #[error("{key} ({origin}): {problem}")]
    Value {
        key: String,
        origin: Origin,
        problem: String,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!("; did you mean {name:?}?"))
        .unwrap_or_default()
}

type Place = (&'static str, &'static str);

/// Values by layer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    values: BTreeMap<Place, (Raw, Origin)>,
}

impl Layers {
    /// Adds a configuration file. Call before the higher layers.
    pub(crate) fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let fail = |source| ConfigError::File {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE_BYTES {
            return Err(ConfigError::FileTooLarge {
                path: path.to_owned(),
            });
        }
        self.add_text(path, &std::fs::read_to_string(path).map_err(fail)?)
    }

    fn add_text(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let line = |offset| line_of(text, offset);
        let root = DeTable::parse(text).map_err(|error| ConfigError::Syntax {
            path: path.to_owned(),
            line: line(error.span().map_or(0, |span| span.start)),
            problem: error.message().to_owned(),
        })?;
        let unknown = |name: &Spanned<_>, shown: String, nearest| ConfigError::UnknownKey {
            path: path.to_owned(),
            line: line(Spanned::span(name).start),
            name: shown,
            nearest,
        };
        for (table_name, table) in root.get_ref() {
            let wanted = table_name.get_ref().as_ref();
            let tables = keys().map(|key| key.table);
            let DeValue::Table(table) = table.get_ref() else {
                return Err(unknown(
                    table_name,
                    wanted.to_owned(),
                    nearest(wanted, tables),
                ));
            };
            if !keys().any(|key| key.table == wanted) {
                return Err(unknown(
                    table_name,
                    format!("[{wanted}]"),
                    nearest(wanted, tables),
                ));
            }
            for (name, value) in table {
                let wanted_name = name.get_ref().as_ref();
                let Some(key) = find(wanted, wanted_name) else {
                    let names = keys().filter(|key| key.table == wanted).map(|key| key.name);
                    let shown = format!("{wanted}.{wanted_name}");
                    return Err(unknown(name, shown, nearest(wanted_name, names)));
                };
                let origin = Origin::File {
                    path: path.to_owned(),
                    line: line(name.span().start),
                };
                let raw = raw(value.get_ref()).map_err(|problem| ConfigError::Value {
                    key: key.path(),
                    origin: origin.clone(),
                    problem,
                })?;
                self.set(key, raw, origin);
            }
        }
        Ok(())
    }

    /// Adds what the environment says. Call after the file.
    pub(crate) fn add_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        for key in keys() {
            let name = key.variable();
            if let Some(value) = variable(&name) {
                self.set(key, Raw::One(value), Origin::Environment(name));
            }
        }
    }

    /// Adds a flag; `shown` is how it was written. Call last.
    pub(crate) fn add_flag(&mut self, key: &'static Key, values: Vec<String>, shown: String) {
        let raw = match <[String; 1]>::try_from(values) {
            Ok([value]) => Raw::One(value),
            Err(values) => Raw::Many(values),
        };
        self.set(key, raw, Origin::Flag(shown));
    }

    /// Where the value of a setting comes from.
    pub(crate) fn origin(&self, table: &str, name: &str) -> Origin {
        let found = find(table, name).and_then(|key| self.values.get(&(key.table, key.name)));
        found.map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// What a setting is, as text, and where that came from; `None` when unset.
    pub(crate) fn shown(&self, key: &Key) -> (Option<String>, Origin) {
        match self.values.get(&(key.table, key.name)) {
            Some((raw, origin)) => (Some(raw.show()), origin.clone()),
            None => (key.default.map(str::to_owned), Origin::Default),
        }
    }

    /// The typed value of a setting.
    pub(super) fn read<T: Setting>(&self, table: &str, name: &str) -> Result<T, ConfigError> {
        let key = find(table, name).expect("tables read only keys they declare");
        let default = key.default.map(|text| Raw::One(text.to_owned()));
        let (raw, origin) = match self.values.get(&(key.table, key.name)) {
            Some((raw, origin)) => (Some(raw), origin.clone()),
            None => (default.as_ref(), Origin::Default),
        };
        T::read(raw).map_err(|problem| ConfigError::Value {
            key: key.path(),
            origin,
            problem,
        })
    }

    fn set(&mut self, key: &'static Key, raw: Raw, origin: Origin) {
        self.values.insert((key.table, key.name), (raw, origin));
    }
}

fn find(table: &str, name: &str) -> Option<&'static Key> {
    keys().find(|key| key.table == table && key.name == name)
}

fn raw(value: &DeValue<'_>) -> Result<Raw, String> {
    match value {
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| scalar(value.get_ref()));
            texts.collect::<Result<_, _>>().map(Raw::Many)
        }
        value => scalar(value).map(Raw::One),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().to_owned()),
        DeValue::Float(number) => Ok(number.as_str().to_owned()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        _ => Err("takes text, a decimal number, true or false, or a list of those".to_owned()),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes()
        .take(offset)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1
}

/// The candidate most like `name`, when it is like it at all.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance * 2 <= candidate.len().max(name.len()))
        .map(|(_, candidate)| candidate.to_owned())
}

/// Single-character edits between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let above = *cell;
            left = (diagonal + usize::from(from != *to))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn key(path: &str) -> &'static Key {
        keys().find(|key| key.path() == path).unwrap()
    }

    #[test]
    fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
        let mut layers = Layers::default();
        let file = "[gateway]\nmax_sessions = 3\nmax_attempts = 4\ndiscovery_timeout = \"1s\"\n";
        layers.add_text(Path::new("c.toml"), file).unwrap();
        layers.add_environment(|name| match name {
            "STREAMFLOW_GATEWAY_MAX_SESSIONS" => Some("5".to_owned()),
            "STREAMFLOW_GATEWAY_MAX_ATTEMPTS" => Some("6".to_owned()),
            _ => None,
        });
        layers.add_flag(
            key("gateway.max_sessions"),
            vec!["7".into()],
            "--max-sessions".into(),
        );
        let gateway = Config::read(&layers).unwrap().gateway;
        assert_eq!((gateway.max_sessions, gateway.max_attempts), (7, Some(6)));
        assert_eq!(gateway.discovery_timeout.as_secs(), 1);
        assert_eq!(gateway.rtmp_addr.port(), 1935);
        let line = |name| layers.origin("gateway", name).to_string();
        assert_eq!(line("max_sessions"), "--max-sessions");
        assert_eq!(
            line("max_attempts"),
            "environment STREAMFLOW_GATEWAY_MAX_ATTEMPTS"
        );
        assert_eq!(line("discovery_timeout"), "c.toml:4");
        assert_eq!(line("rtmp_addr"), "default");
    }

    fn problem(file: &str) -> String {
        let mut layers = Layers::default();
        let outcome = layers.add_text(Path::new("c.toml"), file).map(|()| layers);
        outcome
            .and_then(|layers| Config::read(&layers))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn unknown_keys_name_the_line_and_the_nearest_key() {
        assert_eq!(
            problem("\n[gateway]\nrtmp_adr = \"127.0.0.1:1\"\n"),
            "c.toml:3: there is no \"gateway.rtmp_adr\"; did you mean \"rtmp_addr\"?"
        );
        assert_eq!(
            problem("[gatway]\n"),
            "c.toml:1: there is no \"[gatway]\"; did you mean \"gateway\"?"
        );
        assert_eq!(
            problem("[gateway]\nzzz = 1\n"),
            "c.toml:2: there is no \"gateway.zzz\""
        );
    }

    #[test]
    fn wrong_values_name_key_place_and_fix() {
        let text = problem("[node]\ndrain_time = 30\n");
        assert!(
            text.starts_with("node.drain_time (c.toml:2): \"30\" is no time; write"),
            "{text}"
        );
        let text = problem("[gateway]\nmax_sessions = 0x10\n");
        assert!(text.contains("takes text, a decimal number"), "{text}");
        assert!(problem("[gateway]\nx x\n").starts_with("c.toml:2: "));
    }

    #[test]
    fn lists_may_be_arrays() {
        let mut layers = Layers::default();
        let file = "[gateway]\norch = [\"https://a:1\", \"b:2\"]\n";
        layers.add_text(Path::new("c.toml"), file).unwrap();
        let urls = Config::read(&layers).unwrap().gateway.orch;
        assert_eq!(urls.len(), 2);
        assert_eq!(urls[1].0.port(), Some(2));
    }
}
