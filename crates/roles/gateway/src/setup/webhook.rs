//! A URL that is asked whether a stream may start, and how.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use streamflow_runtime::Histogram;
use url::Url;

use super::StreamConfig;

/// How long the answer may take. Publishers wait meanwhile.
const LIMIT: Duration = Duration::from_secs(5);

/// Largest answer taken.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Why a stream may not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AuthError {
    /// It says no.
    #[error("the auth webhook answers {0}")]
    Denied(StatusCode),
    /// It says something nobody understands: that is no yes.
    #[error("the answer of the auth webhook is unusable: {0}")]
    Unusable(String),
    /// It cannot be asked: that is no yes either.
    #[error("the auth webhook cannot be reached")]
    Unreachable(#[source] reqwest::Error),
}

pub(crate) struct AuthWebhook {
    url: Url,
    client: reqwest::Client,
    took: Histogram,
}

impl AuthWebhook {
    pub(crate) fn new(url: Url, client: reqwest::Client, took: Histogram) -> Self {
        Self { url, client, took }
    }

    /// Asks for the stream published under this address. `None`: yes, as the operator configured.
    pub(crate) async fn ask(&self, stream: &str) -> Result<Option<StreamConfig>, AuthError> {
        let began = tokio::time::Instant::now();
        let question = serde_json::json!({ "url": stream });
        let asked = self
            .client
            .post(self.url.clone())
            .json(&question)
            .timeout(LIMIT)
            .send();
        let answer = asked.await.map_err(AuthError::Unreachable)?;
        let status = answer.status();
        let body = http_body_util::Limited::new(reqwest::Body::from(answer), MAX_ANSWER_BYTES);
        let body = body
            .collect()
            .await
            .map_err(|e| AuthError::Unusable(e.to_string()))?
            .to_bytes();
        self.took.record(began.elapsed().as_secs_f64() * 1_000.0);
        if status != StatusCode::OK {
            return Err(AuthError::Denied(status));
        }
        parse(&body)
    }
}

fn parse(body: &[u8]) -> Result<Option<StreamConfig>, AuthError> {
    if body.is_empty() {
        return Ok(None);
    }
    let config = serde_json::from_slice(body).map_err(|e| AuthError::Unusable(e.to_string()))?;
    Ok(Some(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_answer_is_a_yes_and_nonsense_is_none() {
        assert!(parse(b"").unwrap().is_none());
        assert!(parse(br#"{"manifestID":"a"}"#).unwrap().is_some());
        assert!(matches!(parse(b"ok"), Err(AuthError::Unusable(_))));
    }
}
