//! Who may use the control API: programs on this machine, and whoever holds the token. A web page
//! open in a browser on this machine may not.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::uri::Authority;
use http::{HeaderMap, Method, header};

use crate::routes::refuse;

/// What a request must show.
#[derive(Clone, Default)]
pub struct Access {
    token: Option<String>,
}

impl Access {
    /// Loopback only: no token, but the Host must be this machine and the Origin our own.
    pub const fn loopback() -> Self {
        Self { token: None }
    }

    /// Whoever holds this token, sent as `Authorization: Bearer …`.
    pub fn token(token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
        }
    }

    /// Whether a token is asked for.
    pub const fn has_token(&self) -> bool {
        self.token.is_some()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("token", &self.token.as_ref().map(|_| "***"))
            .finish()
    }
}

/// Why a control API does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Bind it to loopback, or give it both.
    #[error(
        "the control API on {address} is reachable from other machines: it needs TLS and a token, \
         or a loopback address such as 127.0.0.1:{port}", port = address.port()
    )]
    Exposed {
        /// The address asked for.
        address: SocketAddr,
    },
}

/// The rule for control addresses: off loopback only with TLS and a token.
pub fn check_bind(address: SocketAddr, tls: bool, access: &Access) -> Result<(), BindError> {
    if address.ip().to_canonical().is_loopback() || (tls && access.has_token()) {
        Ok(())
    } else {
        Err(BindError::Exposed { address })
    }
}

/// Lets a request through or answers it with 401 or 403.
pub(crate) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    match judge(
        &access,
        request.method(),
        request.uri().authority(),
        request.headers(),
    ) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refuse(refusal.status(), refusal.code(), refusal.message()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Token,
    Host,
    Origin,
}

impl Refusal {
    const fn status(self) -> http::StatusCode {
        match self {
            Self::Token => http::StatusCode::UNAUTHORIZED,
            Self::Host | Self::Origin => http::StatusCode::FORBIDDEN,
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Token => "token-missing",
            Self::Host => "host-refused",
            Self::Origin => "origin-refused",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Token => "this control API wants its token as Authorization: Bearer …",
            Self::Host => "the Host header names no address of this machine's loopback",
            Self::Origin => "a page of another site may not drive this node",
        }
    }
}

fn judge(
    access: &Access,
    method: &Method,
    authority: Option<&Authority>,
    headers: &HeaderMap,
) -> Result<(), Refusal> {
    if let Some(token) = &access.token {
        // Another site's page cannot know the token, so nothing else needs to be asked.
        return if shows_token(headers, token) {
            Ok(())
        } else {
            Err(Refusal::Token)
        };
    }
    let host = authority
        .map(Authority::as_str)
        .or_else(|| text(headers, header::HOST));
    let host = host.ok_or(Refusal::Host)?;
    // A name that resolves to loopback may belong to anybody's page; an address may not.
    if !is_loopback(host) {
        return Err(Refusal::Host);
    }
    let origin = headers.get(header::ORIGIN);
    if !method.is_safe()
        && let Some(origin) = origin
    {
        let ours = [format!("http://{host}"), format!("https://{host}")];
        if !ours.iter().any(|ours| origin.as_bytes() == ours.as_bytes()) {
            return Err(Refusal::Origin);
        }
    }
    Ok(())
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    name == "localhost"
        || name
            .parse()
            .is_ok_and(|ip: IpAddr| ip.to_canonical().is_loopback())
}

fn shows_token(headers: &HeaderMap, token: &str) -> bool {
    let shown = text(headers, header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    shown.is_some_and(|shown| {
        // Every byte is looked at, so the time taken tells nothing about the token.
        let differing = shown
            .bytes()
            .zip(token.bytes())
            .fold(0, |all, (a, b)| all | usize::from(a ^ b));
        differing == 0 && shown.len() == token.len()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_page_of_another_site_cannot_drive_a_node() {
        let open = Access::loopback();
        let judge = |method, pairs: &[_]| judge(&open, &method, None, &headers(pairs));
        assert_eq!(judge(Method::POST, &[("host", "127.0.0.1:5935")]), Ok(()));
        assert_eq!(judge(Method::GET, &[("host", "[::1]:5935")]), Ok(()));
        let (host, origin) = (
            ("host", "localhost:5935"),
            ("origin", "http://localhost:5935"),
        );
        assert_eq!(judge(Method::POST, &[host, origin]), Ok(()));
        let evil = ("origin", "https://evil.example");
        assert_eq!(judge(Method::POST, &[host, evil]), Err(Refusal::Origin));
        assert_eq!(
            judge(Method::POST, &[host, ("origin", "null")]),
            Err(Refusal::Origin)
        );
        let rebound = [("host", "evil.example:5935")];
        assert_eq!(judge(Method::GET, &rebound), Err(Refusal::Host));
        assert_eq!(judge(Method::POST, &[]), Err(Refusal::Host));
    }

    #[test]
    fn with_a_token_only_the_token_counts() {
        let access = Access::token("swordfish");
        let judge = |pairs: &[_]| judge(&access, &Method::POST, None, &headers(pairs));
        assert_eq!(judge(&[("authorization", "Bearer swordfish")]), Ok(()));
        for wrong in [
            "Bearer swordfis",
            "Bearer swordfish2",
            "swordfish",
            "Bearer ",
        ] {
            assert_eq!(
                judge(&[("authorization", wrong)]),
                Err(Refusal::Token),
                "{wrong}"
            );
        }
        assert_eq!(judge(&[("host", "localhost")]), Err(Refusal::Token));
        assert!(!format!("{access:?}").contains("swordfish"));
    }

    #[test]
    fn a_control_api_leaves_loopback_only_with_tls_and_token() {
        let (here, all) = (
            "127.0.0.1:5935".parse().unwrap(),
            "0.0.0.0:5935".parse().unwrap(),
        );
        let (open, token) = (Access::loopback(), Access::token("x"));
        assert!(check_bind(here, false, &open).is_ok());
        assert!(check_bind("[::1]:1".parse().unwrap(), false, &open).is_ok());
        assert!(check_bind(all, true, &token).is_ok());
        for (tls, access) in [(false, &open), (true, &open), (false, &token)] {
            let error = check_bind(all, tls, access).unwrap_err();
            assert!(error.to_string().contains("127.0.0.1:5935"), "{error}");
        }
    }
}
