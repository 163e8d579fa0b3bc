//! Which devices an operator wants to work on.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Which devices to work on. The processor always takes what the others cannot.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Devices {
    /// Every card the system shows, if it shows any.
    #[default]
    Auto,
    /// The processor alone.
    Processor,
    /// Every card there is, and there should be one.
    All,
    /// These cards.
    Nvidia(BTreeSet<u32>),
}

/// No device goes by this text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no device is called {0:?}; there are auto, cpu, nvidia:0,1 with the cards' numbers, and all"
)]
pub struct ParseDevicesError(String);

/// The highest number a card may be given by.
const MAX_INDEX: u32 = 255;

impl FromStr for Devices {
    type Err = ParseDevicesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseDevicesError(text.to_owned());
        match text {
            "auto" => return Ok(Self::Auto),
            "cpu" => return Ok(Self::Processor),
            "all" | "nvidia" | "nvidia:all" => return Ok(Self::All),
            _ => {}
        }
        let numbers = text.strip_prefix("nvidia:").ok_or_else(refused)?;
        let numbers = numbers
            .split(',')
            .map(|number| {
                number
                    .trim()
                    .parse()
                    .ok()
                    .filter(|index| *index <= MAX_INDEX)
            })
            .collect::<Option<BTreeSet<u32>>>();
        numbers.map(Self::Nvidia).ok_or_else(refused)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Processor => f.write_str("cpu"),
            Self::All => f.write_str("all"),
            Self::Nvidia(numbers) => {
                let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
                write!(f, "nvidia:{}", numbers.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_named_as_the_guide_says() {
        let read = |text: &str| text.parse::<Devices>();
        assert_eq!(read("auto"), Ok(Devices::default()));
        assert_eq!(read("cpu"), Ok(Devices::Processor));
        assert_eq!(read("all"), Ok(Devices::All));
        assert_eq!(read("nvidia"), Ok(Devices::All));
        let two = read("nvidia:1, 0,1").unwrap();
        assert_eq!(two, Devices::Nvidia([0, 1].into()));
        assert_eq!(two.to_string().parse(), Ok(two));
        for wrong in [
            "",
            "gpu",
            "nvidia:",
            "nvidia:x",
            "nvidia:-1",
            "nvidia:256",
            "netint:0",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
