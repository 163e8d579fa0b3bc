//! The HTTP client for object stores. Unlike nodes, stores are known by certificates the system
//! trusts; like them, they cannot send the client elsewhere.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Response, StatusCode, redirect};
use rustls_platform_verifier::BuilderVerifierExt;

use streamflow_wire::storage::Upload;

use super::{EXCHANGE_LIMIT, ObjectError};

/// Dialling a store, TLS included.
const DIAL_LIMIT: Duration = Duration::from_secs(3);

/// How much of a store's words is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// How much of them goes into an error.
const MAX_QUOTED: usize = 300;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The system's certificates cannot be used: install them.
    #[error("the certificates this system trusts cannot be read")]
    Certificates(#[from] rustls::Error),
    /// A bug, or a system without entropy.
    #[error("no HTTP client could be made")]
    Make(#[from] reqwest::Error),
}

/// Talks to object stores. Clones share connections.
#[derive(Clone, Debug)]
pub struct ObjectClient {
    http: reqwest::Client,
}

impl ObjectClient {
    /// A client that trusts what the system trusts.
    pub fn new() -> Result<Self, ClientError> {
        Self::within(EXCHANGE_LIMIT)
    }

    /// The same with another limit for a whole exchange.
    pub(super) fn within(limit: Duration) -> Result<Self, ClientError> {
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(ring)
            .with_safe_default_protocol_versions()?
            .with_platform_verifier()?
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("streamflow/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(DIAL_LIMIT)
            .timeout(limit)
            .build()?;
        Ok(Self { http })
    }

    /// Posts a form with the file as its last part. A store that has something to say refuses.
    pub(super) async fn upload(
        &self,
        upload: Upload,
        content: Bytes,
    ) -> Result<String, ObjectError> {
        let mut form = Form::new();
        for field in upload.fields {
            form = form.text(field.name, field.value);
        }
        let length = content.len() as u64;
        let file = Part::stream_with_length(Body::from(content), length);
        let file = file
            .file_name(upload.file_name)
            .mime_str("application/octet-stream")
            .map_err(unreachable_store)?;
        let form = form.part("file", file);
        let request = self.http.post(&upload.url).multipart(form);
        let answer = request.send().await.map_err(unreachable_store)?;
        let status = answer.status();
        let text = read(answer, MAX_ANSWER_BYTES).await;
        match text {
            Ok(text) if status.is_success() && text.is_empty() => Ok(upload.result_url),
            Ok(text) => Err(refused(status, &text)),
            Err(ObjectError::TooLarge { .. }) => Err(refused(status, b"a long answer")),
            Err(error) => Err(error),
        }
    }

    /// Fetches at most `limit` bytes; `None` where there is nothing.
    pub(super) async fn fetch(
        &self,
        url: &str,
        limit: usize,
    ) -> Result<Option<Bytes>, ObjectError> {
        let answer = self.http.get(url).send().await.map_err(unreachable_store)?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => read(answer, limit).await.map(Some),
            status => {
                let text = read(answer, MAX_ANSWER_BYTES).await.unwrap_or_default();
                Err(refused(status, &text))
            }
        }
    }
}

async fn read(mut answer: Response, limit: usize) -> Result<Bytes, ObjectError> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable_store)? {
        if bytes.len() + chunk.len() > limit {
            return Err(ObjectError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}

fn refused(status: StatusCode, text: &[u8]) -> ObjectError {
    let text: String = String::from_utf8_lossy(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_QUOTED)
        .collect();
    ObjectError::Refused {
        status: status.as_u16(),
        text,
    }
}

fn unreachable_store(error: reqwest::Error) -> ObjectError {
    match error.is_timeout() {
        true => ObjectError::Timeout,
        false => ObjectError::Unreachable(error.without_url()),
    }
}
