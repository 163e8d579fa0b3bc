//! A URL that tells which orchestrators there are.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use serde::Deserialize;
use url::Url;

use super::MAX_KNOWN;

/// How long an answer holds.
const HOLDS: Duration = Duration::from_secs(60);

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(3);

/// Largest answer taken: a thousand long addresses.
const MAX_ANSWER_BYTES: usize = 1 << 20;

pub(super) struct Webhook {
    url: Url,
    client: reqwest::Client,
    /// Held while it is asked, so that it is asked once.
    last: tokio::sync::Mutex<Last>,
}

#[derive(Default)]
struct Last {
    asked: Option<Instant>,
    orchestrators: Vec<Url>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    address: String,
    #[serde(default)]
    score: f64,
}

/// Why an answer is not used. The last one goes on holding.
#[derive(Debug, thiserror::Error)]
enum WebhookError {
    #[error("it answers {0}")]
    Status(http::StatusCode),
    #[error("its answer is longer than {MAX_ANSWER_BYTES} bytes")]
    TooLong,
    #[error("its answer is no list of orchestrators: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Transport(#[from] reqwest::Error),
}

impl Webhook {
    pub(super) fn new(url: Url, client: reqwest::Client) -> Self {
        Self {
            url,
            client,
            last: tokio::sync::Mutex::default(),
        }
    }

    /// The list, at most a minute old; an older one while the webhook fails.
    pub(super) async fn orchestrators(&self, now: Instant) -> Vec<Url> {
        let mut last = self.last.lock().await;
        let fresh = |asked: Instant| now.saturating_duration_since(asked) < HOLDS;
        let is_fresh = last.asked.is_some_and(fresh) && !last.orchestrators.is_empty();
        if !is_fresh {
            match self.ask().await {
                Ok(orchestrators) => last.orchestrators = orchestrators,
                Err(error) => {
                    tracing::warn!(%error, "discovery webhook failed; the last list holds")
                }
            }
            last.asked = Some(now);
        }
        last.orchestrators.clone()
    }

    async fn ask(&self) -> Result<Vec<Url>, WebhookError> {
        let answer = self
            .client
            .get(self.url.clone())
            .timeout(LIMIT)
            .send()
            .await?;
        if !answer.status().is_success() {
            return Err(WebhookError::Status(answer.status()));
        }
        let body = reqwest::Body::from(answer);
        let body = http_body_util::Limited::new(body, MAX_ANSWER_BYTES)
            .collect()
            .await;
        let body = body.map_err(|_| WebhookError::TooLong)?.to_bytes();
        parse(&body)
    }
}

fn parse(body: &[u8]) -> Result<Vec<Url>, WebhookError> {
    let mut items: Vec<Item> = serde_json::from_slice(body)?;
    // Trusted ones first; whoever is neither trusted nor untrusted counts as untrusted.
    items.sort_by_key(|item| !is_trusted(item));
    let urls = items.iter().filter_map(|item| address(&item.address));
    Ok(urls.take(MAX_KNOWN).collect())
}

fn is_trusted(item: &Item) -> bool {
    item.score >= 1.0
}

/// An absolute address with a scheme; anything else is passed over.
fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_addresses_are_passed_over_and_trusted_ones_come_first() {
        let body = br#"[{"address":"https://a:8935"},{"address":""},{"address":"b:8935"},
            {"address":"https://c:8935","score":1.0},{"score":1},{"address":"/d"}]"#;
        let urls: Vec<String> = parse(body).unwrap().iter().map(Url::to_string).collect();
        assert_eq!(urls, ["https://c:8935/", "https://a:8935/"]);
        assert!(parse(b"{}").is_err());
        assert!(parse(b"").is_err());
    }
}
