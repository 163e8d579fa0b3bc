//! Values with units, as people write them in flags and in the configuration file.

use std::time::Duration;

/// Why a text is not a value with a unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnitError {
    #[error("{0:?} is no time; write for example 500ms, 2s, 10m or 1h30m")]
    Duration(String),
    #[error("{0:?} is no size; write for example 512 KiB, 64 MiB or 2 GB")]
    Bytes(String),
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
    fn times_print_short() {
        for (seconds, text) in [(2, "2s"), (61, "1m1s"), (5_400, "1h30m"), (90_000, "1d1h")] {
            assert_eq!(show_duration(Duration::from_secs(seconds)), text);
        }
        assert_eq!(show_duration(Duration::from_millis(1_500)), "1500ms");
    }
}
