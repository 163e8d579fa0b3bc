//! From text to typed values. A setting that may be absent is an `Option`, one with several
//! values a `Vec`.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use streamflow_engine::{Devices, Fault, ParseDevicesError, ParseFaultError};
use streamflow_runtime::telemetry::LogFormat;
use url::Url;

use crate::units;

/// A value as it stands in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    One(String),
    Many(Vec<String>),
}

impl Raw {
    /// As it is printed.
    pub(crate) fn show(&self) -> String {
        match self {
            Self::One(text) => text.clone(),
            Self::Many(texts) => texts.join(","),
        }
    }

    fn one(&self) -> Result<&str, String> {
        match self {
            Self::One(text) => Ok(text),
            Self::Many(texts) => match texts.as_slice() {
                [text] => Ok(text),
                _ => Err("takes one value".to_owned()),
            },
        }
    }

    fn many(&self) -> Vec<String> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        let pieces = texts.iter().flat_map(|text| text.split(','));
        pieces
            .map(|piece| piece.trim().to_owned())
            .filter(|piece| !piece.is_empty())
            .collect()
    }
}

/// A type a setting can have.
pub(crate) trait Setting: Sized {
    /// What values look like, for help and reference.
    const KIND: &'static str;
    /// Whether it takes several values.
    const IS_LIST: bool = false;
    /// Whether it is on or off.
    const IS_SWITCH: bool = false;

    /// Reads a value; the error says what would be right.
    fn read(raw: Option<&Raw>) -> Result<Self, String>;
}

/// A type read from one text.
trait Word: Sized {
    const KIND: &'static str;
    fn word(text: &str) -> Result<Self, String>;
}

impl<T: Word> Setting for T {
    const KIND: &'static str = <T as Word>::KIND;

    fn read(raw: Option<&Raw>) -> Result<Self, String> {
        raw.ok_or_else(|| "must be given".to_owned())
            .and_then(|raw| T::word(raw.one()?))
    }
}

impl<T: Word> Setting for Option<T> {
    const KIND: &'static str = <T as Word>::KIND;

    fn read(raw: Option<&Raw>) -> Result<Self, String> {
        raw.map(|raw| T::word(raw.one()?)).transpose()
    }
}

impl<T: Word> Setting for Vec<T> {
    const KIND: &'static str = <T as Word>::KIND;
    const IS_LIST: bool = true;

    fn read(raw: Option<&Raw>) -> Result<Self, String> {
        let words = raw.map(Raw::many).unwrap_or_default();
        words.iter().map(|text| T::word(text)).collect()
    }
}

/// On or off; its flag may stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Switch(pub(crate) bool);

impl Setting for Switch {
    const KIND: &'static str = "true|false";
    const IS_SWITCH: bool = true;

    fn read(raw: Option<&Raw>) -> Result<Self, String> {
        match raw.map(Raw::one).transpose()? {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(other) => Err(format!("{other:?} is neither true nor false")),
        }
    }
}

/// The path of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder(pub(crate) PathBuf);

/// The address of an orchestrator, by the gateway's rule for scheme and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrchestratorUrl(pub(crate) Url);

/// On, off, or left to the role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Toggle(pub(crate) bool);

macro_rules! words {
    ($($type:ty, $kind:literal, |$text:ident| $read:expr;)+) => {
        $(impl Word for $type {
            const KIND: &'static str = $kind;
            fn word($text: &str) -> Result<Self, String> {
                $read
            }
        })+
    };
}

words! {
    String, "TEXT", |text| Ok(text.to_owned());
    Folder, "DIR", |text| Ok(Folder(PathBuf::from(text)));
    PathBuf, "FILE", |text| Ok(PathBuf::from(text));
    Duration, "TIME", |text| units::duration(text).map_err(|error| error.to_string());
    Bytes, "SIZE", |text| units::bytes(text).map(Bytes).map_err(|error| error.to_string());
    SocketAddr, "IP:PORT", |text| address(text);
    Url, "URL", |text| url(text);
    Toggle, "true|false", |text| Switch::read(Some(&Raw::One(text.to_owned()))).map(|on| Toggle(on.0));
    OrchestratorUrl, "URL", |text| {
        streamflow_gateway::orchestrator_url(text).map(OrchestratorUrl).map_err(|error| error.to_string())
    };
    u32, "N", |text| text.parse().map_err(|_| format!("{text:?} is no whole number"));
    LogFormat, "text|json", |text| text.parse().map_err(|_| format!("{text:?} is neither text nor json"));
    Devices, "DEVICES", |text| text.parse().map_err(|error: ParseDevicesError| error.to_string());
    MaxSessions, "N|auto", |text| MaxSessions::parse(text);
    Fallback, "network,local,passthrough", |text| Fallback::parse(text);
    Misbehaviour, "MODE", |text| Misbehaviour::parse(text);
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

fn address(text: &str) -> Result<SocketAddr, String> {
    let full = match text.strip_prefix(':') {
        Some(port) => format!("0.0.0.0:{port}"),
        None => text.replacen("localhost:", "127.0.0.1:", 1),
    };
    full.parse()
        .map_err(|_| format!("{text:?} is no address; write for example 127.0.0.1:5935"))
}

fn url(text: &str) -> Result<Url, String> {
    let refuse = || format!("{text:?} is no address; write for example https://10.0.0.2:8935");
    let full = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url: Url = full.parse().map_err(|_| refuse())?;
    let known = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
    if known { Ok(url) } else { Err(refuse()) }
}

/// A limit of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxSessions {
    /// As many as what works here can carry.
    Auto,
    /// So many.
    Fixed(u32),
}

impl MaxSessions {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(0) | Err(_) => Err(format!("{text:?} is neither auto nor a number above zero")),
            Ok(number) => Ok(Self::Fixed(number)),
        }
    }
}

/// Who may do the work of a stream, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fallback {
    /// Orchestrators.
    Network,
    /// This machine.
    Local,
    /// Nobody: the source alone.
    Passthrough,
}

impl Fallback {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "network" => Ok(Self::Network),
            "local" => Ok(Self::Local),
            "passthrough" => Ok(Self::Passthrough),
            _ => Err(format!("{text:?} is none of network, local, passthrough")),
        }
    }
}

/// What is made of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ladder {
    /// Derived from the source.
    Auto,
    /// A JSON file.
    File(PathBuf),
    /// Presets by name.
    Presets(Vec<String>),
}

impl Setting for Ladder {
    const KIND: &'static str = "PRESETS|FILE|auto";

    fn read(raw: Option<&Raw>) -> Result<Self, String> {
        raw.map(|raw| Self::parse(&raw.show()))
            .ok_or_else(|| "must be given".to_owned())
    }
}

impl Ladder {
    fn parse(text: &str) -> Self {
        if text == "auto" {
            Self::Auto
        } else if text.ends_with(".json") || text.contains('/') {
            Self::File(PathBuf::from(text))
        } else {
            let names = text.split(',').map(|name| name.trim().to_owned());
            Self::Presets(names.filter(|name| !name.is_empty()).collect())
        }
    }
}

/// How a node of a devnet cheats: a fault, how late where it is slow, and on which jobs, as in
/// `garbage`, `slow:1500ms`, `black@5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misbehaviour {
    pub(crate) fault: Fault,
    /// Every n-th job.
    pub(crate) every: NonZeroU32,
}

impl Misbehaviour {
    fn parse(text: &str) -> Result<Self, String> {
        let (mode, every) = match text.split_once('@') {
            Some((mode, every)) => {
                let refuse = |_| format!("{every:?} is no number of jobs");
                (mode, every.parse().map_err(refuse)?)
            }
            None => (text, NonZeroU32::MIN),
        };
        let fault = match mode.strip_prefix("slow:") {
            Some(time) => Fault::Slow(units::duration(time).map_err(|error| error.to_string())?),
            None => mode
                .parse()
                .map_err(|error: ParseFaultError| error.to_string())?,
        };
        Ok(Self { fault, every })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Raw {
        Raw::One(text.to_owned())
    }

    #[test]
    fn values_are_read_and_errors_say_what_is_right() {
        assert_eq!(
            SocketAddr::read(Some(&one(":8935"))).unwrap().to_string(),
            "0.0.0.0:8935"
        );
        assert_eq!(
            Url::read(Some(&one("10.0.0.2:8935"))).unwrap().as_str(),
            "https://10.0.0.2:8935/"
        );
        assert!(
            Url::read(Some(&one("ftp://x")))
                .unwrap_err()
                .contains("https://")
        );
        assert!(
            SocketAddr::read(Some(&one("5935")))
                .unwrap_err()
                .contains("127.0.0.1:5935")
        );
        assert_eq!(MaxSessions::read(Some(&one("auto"))), Ok(MaxSessions::Auto));
        assert!(MaxSessions::read(Some(&one("0"))).is_err());
        assert_eq!(Option::<Url>::read(None), Ok(None));
        assert!(u32::read(None).is_err());
    }

    #[test]
    fn lists_come_repeated_or_with_commas() {
        let expected = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let repeated = Raw::Many(vec!["a".into(), "b , c".into()]);
        assert_eq!(Vec::<String>::read(Some(&repeated)).unwrap(), expected);
        assert_eq!(Vec::<String>::read(Some(&one("a,b,,c"))).unwrap(), expected);
        assert!(Vec::<String>::read(None).unwrap().is_empty());
        assert!(String::read(Some(&repeated)).is_err());
    }

    #[test]
    fn ladders_are_presets_a_file_or_auto() {
        assert_eq!(Ladder::parse("auto"), Ladder::Auto);
        assert_eq!(Ladder::parse("./x"), Ladder::File("./x".into()));
        assert_eq!(Ladder::parse("l.json"), Ladder::File("l.json".into()));
        assert_eq!(
            Ladder::parse("P1, P2"),
            Ladder::Presets(vec!["P1".into(), "P2".into()])
        );
    }

    #[test]
    fn misbehaviour_names_a_fault_a_time_and_the_jobs() {
        let slow = Misbehaviour::parse("slow:1500ms").unwrap();
        assert_eq!(slow.fault, Fault::Slow(Duration::from_millis(1_500)));
        let black = Misbehaviour::parse("black@5").unwrap();
        assert_eq!((black.fault, black.every.get()), (Fault::Black, 5));
        for wrong in ["", "slow:1500", "rude", "black@0", "black@"] {
            assert!(Misbehaviour::parse(wrong).is_err(), "{wrong}");
        }
    }
}
