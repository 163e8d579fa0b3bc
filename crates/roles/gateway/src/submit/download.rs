//! Fetching one rendition. The address comes from a peer: it must lead to that peer, or to the
//! store it named in its offer, and nowhere else.

use bytes::Bytes;
use http::StatusCode;
use streamflow_rpc::client::DOWNLOAD_LIMIT;
use streamflow_rpc::{Clients, Reach, body};
use tokio::time::Instant;
use url::Url;

use crate::session::Session;

/// Why a rendition could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DownloadError {
    /// No address, or one that leads to somebody else.
    #[error("{0:?} is no address of this orchestrator or its store")]
    Elsewhere(String),
    /// It is not there.
    #[error("status {0}")]
    Status(StatusCode),
    /// It came too slowly, was too long, or broke off.
    #[error(transparent)]
    Body(#[from] body::BodyError),
    /// The connection failed.
    #[error("{0}")]
    Transport(#[from] reqwest::Error),
}

pub(crate) async fn fetch(
    clients: &Clients,
    session: &Session,
    address: &str,
    most_bytes: u64,
) -> Result<Bytes, DownloadError> {
    let url = allowed(session, address, clients.reach())
        .ok_or_else(|| DownloadError::Elsewhere(address.chars().take(200).collect()))?;
    let response = clients.downloads().get(url).send().await?;
    if response.status() != StatusCode::OK {
        return Err(DownloadError::Status(response.status()));
    }
    let limit = usize::try_from(most_bytes).unwrap_or(usize::MAX);
    let deadline = Instant::now() + DOWNLOAD_LIMIT;
    Ok(body::read(reqwest::Body::from(response), limit, 0, deadline).await?)
}

fn allowed(session: &Session, address: &str, reach: &Reach) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let is_its_own = [&session.service, &session.asked_at].iter().any(|own| {
        own.host() == url.host() && own.port_or_known_default() == url.port_or_known_default()
    });
    let store = session
        .info
        .storage
        .as_ref()
        .and_then(|store| store.s3info.as_ref());
    let in_its_store = || {
        let store = store.and_then(|info| Url::parse(&info.host).ok());
        store.is_some_and(|store| {
            store.scheme() == "https" && !reach.is_inside(&store) && store.origin() == url.origin()
        })
    };
    (is_its_own || in_its_store()).then_some(url)
}

#[cfg(test)]
mod tests {
    use streamflow_wire::proto::{AuthToken, OrchestratorInfo, OsInfo, S3osInfo};

    use super::*;
    use crate::session::of_message;

    fn session(store: Option<&str>) -> Session {
        let message = OrchestratorInfo {
            transcoder: "https://o.example:8935".to_owned(),
            auth_token: Some(AuthToken {
                token: vec![1; 32].into(),
                session_id: "0a0b0c0d".to_owned(),
                expiration: 5,
            }),
            storage: store
                .map(|host| OsInfo {
                    storage_type: 1,
                    s3info: Some(S3osInfo {
                        host: host.to_owned(),
                        ..S3osInfo::default()
                    }),
                })
                .into_iter()
                .collect(),
            ..OrchestratorInfo::default()
        };
        let asked_at = Url::parse("https://o.example:8935").unwrap();
        of_message(&asked_at, &message, &Reach::guarded()).unwrap()
    }

    #[test]
    fn only_the_orchestrator_and_its_store_are_fetched_from() {
        let reach = Reach::guarded();
        let plain = session(None);
        let stored = session(Some("https://bucket.s3.amazonaws.com"));
        for (session, address, is_allowed) in [
            (&plain, "https://o.example:8935/stream/a/b/0.ts", true),
            (&plain, "https://o.example/stream/a/b/0.ts", false),
            (&plain, "https://bucket.s3.amazonaws.com/a", false),
            (&stored, "https://bucket.s3.amazonaws.com/a", true),
            (&stored, "http://bucket.s3.amazonaws.com/a", false),
            (&plain, "http://169.254.169.254/latest/meta-data", false),
            (&plain, "https://127.0.0.1:5935/metrics", false),
            (&plain, "file:///etc/passwd", false),
            (&plain, "gopher://o.example:8935/", false),
            (&plain, "/stream/a", false),
            (&plain, "", false),
        ] {
            let allowed = allowed(session, address, &reach);
            assert_eq!(allowed.is_some(), is_allowed, "{address}");
        }
        let inside = session(Some("https://169.254.169.254"));
        assert!(allowed(&inside, "https://169.254.169.254/latest", &reach).is_none());
    }
}
