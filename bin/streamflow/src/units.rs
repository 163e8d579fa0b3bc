//! Values with units, as people write them in flags and in the configuration file.

use std::time::Duration;

use alloy_primitives::U256;
use alloy_primitives::utils::{UnitsError, format_units, parse_units};

/// Why a text is not a value with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("{0:?} is no time; write for example 500ms, 2s, 10m or 1h30m")]
    Duration(String),
    #[error("{0:?} is no size; write for example 512 KiB, 64 MiB or 2 GB")]
    Bytes(String),
    #[error("{0:?} is no price of gas; write for example 2gwei, 0.1gwei or 1000wei")]
    GasPrice(String),
}

/// Reads `2s`, `500ms`, `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, UnitError> {
    let refuse = || UnitError::Duration(text.to_owned());
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(refuse());
    }
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(refuse)?;
        let unit_end = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_end);
        let unit_s = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return Err(refuse()),
        };
        let part = Duration::try_from_secs_f64(number * unit_s).map_err(|_| refuse())?;
        total = total.checked_add(part).ok_or_else(refuse)?;
        rest = next.trim_start();
    }
    Ok(total)
}

/// Reads `64 MiB`, `2GB`, `100 B`.
pub(crate) fn bytes(text: &str) -> Result<u64, UnitError> {
    let refuse = || UnitError::Bytes(text.to_owned());
    let (number, unit) = leading_number(text.trim()).ok_or_else(refuse)?;
    let unit: f64 = match unit.trim() {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return Err(refuse()),
    };
    let bytes = number * unit;
    // Beyond 2^53 a float no longer counts single bytes; no machine has that much.
    if bytes.fract() == 0.0 && bytes < 9e15 {
        Ok(bytes as u64)
    } else {
        Err(refuse())
    }
}

fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

/// Reads `2gwei`, `0.1 gwei`, `1000 wei`: the price of one gas, in wei.
pub(crate) fn gas_price(text: &str) -> Result<u128, UnitError> {
    let refuse = || UnitError::GasPrice(text.to_owned());
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(end.ok_or_else(refuse)?);
    let decimals: u8 = match unit.trim() {
        "wei" => 0,
        "gwei" => 9,
        _ => return Err(refuse()),
    };
    let parsed = parse_units(number, decimals);
    let price = parsed.map_err(|_| refuse())?.get_absolute();
    // Digits beyond the unit would be lost without a word.
    let fraction = number.split_once('.').map_or("", |(_, fraction)| fraction);
    if number.is_empty() || fraction.len() > usize::from(decimals) {
        return Err(refuse());
    }
    u128::try_from(price).map_err(|_| refuse())
}

/// Wei in ether, all its digits and none that say nothing.
pub(crate) fn ether(wei: U256) -> String {
    short(format_units(wei, "ether"))
}

/// Wei in billions of them, as prices of gas are told.
pub(crate) fn gwei(wei: u128) -> String {
    short(format_units(wei, "gwei"))
}

fn short(number: Result<String, UnitsError>) -> String {
    // Fails for units that there are not.
    let number = number.unwrap_or_default();
    let short = number.trim_end_matches('0').trim_end_matches('.');
    short.to_owned()
}

/// A time as `duration` reads it.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match duration.subsec_millis() {
        0 if seconds >= 86_400 => format!("{}d{}h", seconds / 86_400, seconds / 3_600 % 24),
        0 if seconds >= 3_600 => format!("{}h{}m", seconds / 3_600, seconds / 60 % 60),
        0 if seconds >= 60 => format!("{}m{}s", seconds / 60, seconds % 60),
        0 => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_need_units() {
        assert_eq!(duration("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(duration("1.5 s"), Err(UnitError::Duration("1.5 s".into())));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1h30m 5s"), Ok(Duration::from_secs(5_405)));
        for wrong in ["", "2", "s", "2x", "-2s", "99999999999999999999h", "1.2.3s"] {
            assert_eq!(
                duration(wrong),
                Err(UnitError::Duration(wrong.into())),
                "{wrong}"
            );
        }
    }

    #[test]
    fn sizes_need_units() {
        assert_eq!(bytes("64 MiB"), Ok(64 << 20));
        assert_eq!(bytes("1.5kB"), Ok(1_500));
        assert_eq!(bytes("0B"), Ok(0));
        for wrong in ["", "64", "MiB", "64 mb", "0.5 B", "99999999 TB", "-1 B"] {
            assert_eq!(bytes(wrong), Err(UnitError::Bytes(wrong.into())), "{wrong}");
        }
    }

    #[test]
    fn prices_of_gas_need_units() {
        assert_eq!(gas_price("2gwei"), Ok(2_000_000_000));
        assert_eq!(gas_price("0.01 gwei"), Ok(10_000_000));
        assert_eq!(gas_price("1000wei"), Ok(1_000));
        for wrong in ["", "2", "gwei", "1.5wei", "-1gwei", "2 ether", "1.2.3gwei"] {
            let refused = Err(UnitError::GasPrice(wrong.into()));
            assert_eq!(gas_price(wrong), refused, "{wrong}");
        }
    }

    #[test]
    fn amounts_print_without_idle_zeros() {
        let wei = |text: &str| ether(text.parse().unwrap());
        assert_eq!(wei("10000000000000000000000"), "10000");
        assert_eq!(wei("51218554000000000"), "0.051218554");
        assert_eq!(
            (wei("1"), wei("0")),
            ("0.000000000000000001".into(), "0".into())
        );
        assert_eq!(
            (gwei(1_500_000_000), gwei(7)),
            ("1.5".into(), "0.000000007".into())
        );
    }

    #[test]
    fn times_print_short() {
        for (seconds, text) in [(2, "2s"), (61, "1m1s"), (5_400, "1h30m"), (90_000, "1d1h")] {
            assert_eq!(show_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(show_duration(Duration::from_millis(1_500)), "1500ms");
    }
}
