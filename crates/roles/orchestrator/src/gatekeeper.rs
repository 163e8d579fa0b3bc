//! A URL of the operator's that is asked about every gateway before it gets an offer.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use streamflow_rpc::body;
use streamflow_types::Address;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// How long the answer may take. Gateways wait meanwhile, and they ask others too.
const LIMIT: Duration = Duration::from_secs(2);

/// Largest answer taken.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Longest refusal passed on to the gateway.
const MAX_REFUSAL_CHARS: usize = 1_024;

/// Why a gateway gets no offer. The text goes to the gateway.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatekeeperError {
    /// It says no, or something nobody understands: that is no yes.
    #[error("authentication failed: {0}")]
    Refused(String),
    /// It cannot be asked: that is no yes either. The operator finds why in the log.
    #[error("authentication failed: the webhook cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It is too slow or says too much.
    #[error("authentication failed: the webhook's answer is too slow or too long")]
    Unread,
}

/// See the [module](self).
pub(crate) struct Gatekeeper {
    url: Url,
    client: reqwest::Client,
}

/// A yes, with the price this gateway pays where the operator sets one.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Yes {
    price_info: Option<Price>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    #[serde(default)]
    price_per_unit: i64,
    #[serde(default)]
    pixels_per_unit: i64,
}

impl Gatekeeper {
    pub(crate) fn new(url: Url, client: reqwest::Client) -> Self {
        Self { url, client }
    }

    /// Asks whether this gateway may come in. Asked each time, so that a no works at once.
    pub(crate) async fn ask(&self, gateway: Address) -> Result<(), GatekeeperError> {
        let until = Instant::now() + LIMIT;
        let question = serde_json::json!({ "id": gateway.to_string() });
        let asking = self.client.post(self.url.clone()).json(&question).send();
        let answer = timeout_at(until, asking)
            .await
            .map_err(|_| GatekeeperError::Unread)?
            .map_err(GatekeeperError::Unreachable)?;
        let status = answer.status();
        let body = body::read(reqwest::Body::from(answer), MAX_ANSWER_BYTES, 0, until)
            .await
            .map_err(|_| GatekeeperError::Unread)?;
        judge(status, &body)
    }
}

fn judge(status: StatusCode, body: &[u8]) -> Result<(), GatekeeperError> {
    if status != StatusCode::OK {
        let text = String::from_utf8_lossy(body);
        let text = text.chars().take(MAX_REFUSAL_CHARS).collect();
        return Err(GatekeeperError::Refused(text));
    }
    let yes: Option<Yes> = serde_json::from_slice(body)
        .map_err(|error| GatekeeperError::Refused(unparsable(body, &error)))?;
    match yes.and_then(|yes| yes.price_info) {
        Some(price) if price.price_per_unit < 0 || price.pixels_per_unit <= 0 => {
            let text = "priceInfo needs pricePerUnit of 0 or more and pixelsPerUnit above 0";
            Err(GatekeeperError::Refused(text.to_owned()))
        }
        _ => Ok(()),
    }
}

/// What is wrong with a text that is no JSON, in the words peers know for the usual cases.
fn unparsable(body: &[u8], error: &serde_json::Error) -> String {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => "unexpected end of JSON input".to_owned(),
        Some(b'{' | b'[' | b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => error.to_string(),
        Some(byte) => format!(
            "invalid character '{}' looking for beginning of value",
            char::from(*byte).escape_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        judge(status, body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn only_a_200_that_can_be_read_is_a_yes() {
        for yes in [
            "{}",
            "null",
            r#"{"priceInfo":{"pricePerUnit":7,"pixelsPerUnit":2}}"#,
        ] {
            judge(StatusCode::OK, yes.as_bytes()).unwrap();
        }
        assert_eq!(refusal(403, "not you"), "authentication failed: not you");
        assert_eq!(refusal(204, ""), "authentication failed: ");
        let end = "authentication failed: unexpected end of JSON input";
        assert_eq!(refusal(200, " \n"), end);
        assert!(refusal(200, r#"{"priceInfo":{"pixelsPerUnit":0}}"#).contains("pixelsPerUnit"));
        assert!(refusal(200, "{").contains("EOF"));
        assert_eq!(refusal(500, &"é".repeat(9_000)).chars().count(), 23 + 1_024);
    }
}
