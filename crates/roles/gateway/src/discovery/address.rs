//! Addresses of orchestrators, however people write them.

use url::Url;

/// Where orchestrators listen unless they say otherwise.
const DEFAULT_PORT: u16 = 8935;

/// Why a text is no address of an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("orchestrator {0:?}: write host, host:port or https://host:port")]
pub struct OrchestratorUrlError(String);

/// The address of an orchestrator from `host`, `host:port` or a URL: `https` unless a scheme is
/// given, port 8935 unless one is given.
pub fn orchestrator_url(text: &str) -> Result<Url, OrchestratorUrlError> {
    let refuse = || OrchestratorUrlError(text.to_owned());
    let trimmed = text.trim();
    let (scheme, place) = trimmed.split_once("://").unwrap_or(("https", trimmed));
    if !matches!(scheme, "http" | "https") {
        return Err(refuse());
    }
    let mut url = Url::parse(&format!("{scheme}://{place}")).map_err(|_| refuse())?;
    let plain = url.username().is_empty() && url.password().is_none();
    if !plain || url.host_str().is_none_or(str::is_empty) {
        return Err(refuse());
    }
    if url.port().is_none() && !names_port(place) {
        url.set_port(Some(DEFAULT_PORT)).map_err(|()| refuse())?;
    }
    Ok(url)
}

/// One text for one orchestrator.
pub(crate) fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// Whether a port stands in the text; a URL leaves out the usual one of its scheme.
fn names_port(place: &str) -> bool {
    let authority = place.split(['/', '?', '#']).next().unwrap_or_default();
    let after_host = authority.rsplit(']').next().unwrap_or_default();
    after_host.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_port_are_filled_in() {
        for (text, url) in [
            ("o.example", "https://o.example:8935/"),
            ("o.example:9000", "https://o.example:9000/"),
            ("127.0.0.1:8936", "https://127.0.0.1:8936/"),
            ("https://o.example", "https://o.example:8935/"),
            ("https://o.example:443", "https://o.example/"),
            ("http://o.example:8935", "http://o.example:8935/"),
            ("[::1]", "https://[::1]:8935/"),
            ("[::1]:9000", "https://[::1]:9000/"),
            (" o.example/base ", "https://o.example:8935/base"),
        ] {
            assert_eq!(orchestrator_url(text).unwrap().as_str(), url, "{text}");
        }
        for text in [
            "",
            "ftp://o.example",
            "o.example:99999",
            "https://",
            "me@o.example",
            "a b",
        ] {
            assert!(orchestrator_url(text).is_err(), "{text}");
        }
    }
}
