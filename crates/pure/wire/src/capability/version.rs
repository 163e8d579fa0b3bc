//! Versions as peers compare them: three numbers, pre-release and build left out.

/// Whether `version` is `minimum` or newer. An empty or unreadable minimum is met by any version
/// that says something; a node that does not say its version meets none.
pub fn is_at_least(version: &str, minimum: &str) -> bool {
    if minimum.is_empty() {
        return true;
    }
    if version.is_empty() || version == "undefined" {
        return false;
    }
    let Some(minimum) = parse(minimum) else {
        return true;
    };
    parse(version).is_some_and(|version| version >= minimum)
}

/// `1.2.3`, `v1.2`, `1`, each with `-pre` and `+build` after it.
fn parse(text: &str) -> Option<[u64; 3]> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(t, b)| (t, Some(b)));
    let (numbers, pre) = text
        .split_once('-')
        .map_or((text, None), |(t, p)| (t, Some(p)));
    if [build, pre]
        .into_iter()
        .flatten()
        .any(|suffix| !is_suffix(suffix))
    {
        return None;
    }
    let mut version = [0u64; 3];
    let mut parts = numbers.split('.');
    for place in &mut version {
        let Some(part) = parts.next() else { break };
        let is_number = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let leads_with_zero = part.len() > 1 && part.starts_with('0');
        if !is_number || leads_with_zero {
            return None;
        }
        *place = part.parse().ok()?;
    }
    parts.next().is_none().then_some(version)
}

/// Dot-separated identifiers of letters, digits and hyphens.
fn is_suffix(text: &str) -> bool {
    text.split('.').all(|part| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}
