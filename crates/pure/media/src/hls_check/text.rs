//! Lines and attributes of a playlist.

use super::Rule;
use super::findings::About;

/// Longest playlist judged.
const MAX_BYTES: usize = 4 << 20;

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// `#EXT…`, and what follows its colon.
    Tag(&'a str, &'a str),
    /// A URI.
    Uri(&'a str),
}

/// The lines of a playlist behind `#EXTM3U`, with their numbers. `None` when it is none.
pub(super) fn lines<'a>(text: &'a str, found: &mut About<'_>) -> Option<Vec<(usize, Line<'a>)>> {
    if text.len() > MAX_BYTES {
        found.add(Rule::Syntax, format!("longer than {MAX_BYTES} bytes"));
        return None;
    }
    let mut numbered = (1..).zip(text.lines());
    if !matches!(numbered.next(), Some((_, "#EXTM3U"))) {
        found.add(Rule::Tag, "the first line is not #EXTM3U");
        return None;
    }
    let mut lines = Vec::new();
    for (number, line) in numbered {
        if line.chars().any(char::is_control) {
            found.add(Rule::Syntax, format!("line {number}: a control character"));
        }
        if line.starts_with("#EXT") {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            lines.push((number, Line::Tag(name, value)));
        } else if !line.is_empty() && !line.starts_with('#') {
            if line.trim() != line {
                found.add(Rule::Syntax, format!("line {number}: blanks around a URI"));
            }
            lines.push((number, Line::Uri(line)));
        }
    }
    if !text.ends_with('\n') {
        found.add(Rule::Syntax, "the last line does not end");
    }
    Some(lines)
}

/// An attribute list as name and value; quotes are left on.
pub(super) fn attributes(list: &str) -> Result<Vec<(&str, &str)>, String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    let mut rest = list;
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| format!("{rest:?} is no attribute"))?;
        let legal = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(legal) {
            return Err(format!("{name:?} is no attribute name"));
        }
        if found.iter().any(|(other, _)| *other == name) {
            return Err(format!("{name} stands twice"));
        }
        let end = match after.strip_prefix('"') {
            Some(quoted) => quoted
                .find('"')
                .map(|at| at + 2)
                .ok_or_else(|| format!("the quotes of {name} do not end"))?,
            None => after.find(',').unwrap_or(after.len()),
        };
        let (value, after) = after.split_at(end);
        if value.is_empty() {
            return Err(format!("{name} has no value"));
        }
        found.push((name, value));
        rest = match after.strip_prefix(',') {
            Some("") => return Err("a comma without attribute".to_owned()),
            Some(rest) => rest,
            None if after.is_empty() => "",
            None => return Err(format!("no comma behind {name}")),
        };
    }
    Ok(found)
}

/// A decimal number in thousandths, digits behind them cut off.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let milli = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let milli = milli.fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(milli)
}

/// A whole number, without sign.
pub(super) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_lists_are_read_strictly() {
        let list = "BANDWIDTH=1,CODECS=\"a,b\",RESOLUTION=2x3";
        assert_eq!(
            attributes(list).unwrap(),
            [
                ("BANDWIDTH", "1"),
                ("CODECS", "\"a,b\""),
                ("RESOLUTION", "2x3")
            ]
        );
        for wrong in [
            "A=1,", "A", "a=1", "A=1,A=2", "A=\"b", "A=\"b\"c", "A=,B=1", "A=1, B=2",
        ] {
            assert!(attributes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_digits() {
        assert_eq!(thousandths("29.970"), Some(29_970));
        assert_eq!(thousandths("2"), Some(2000));
        assert_eq!(thousandths("1.23456"), Some(1234));
        for wrong in ["", ".5", "5.", "+1", "-1", "1e3", "99999999999999999999"] {
            assert_eq!(thousandths(wrong), None, "{wrong}");
        }
        assert_eq!(number("+7"), None);
    }
}
