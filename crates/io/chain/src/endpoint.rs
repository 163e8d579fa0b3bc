//! A JSON-RPC endpoint by its address.

use std::time::Duration;

use alloy_rpc_client::{ClientBuilder, RpcClient};
use url::Url;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no client for an address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The text is no address. Write it as `http://127.0.0.1:8545`.
    #[error("{text:?} is no URL ({reason}); write it as http://127.0.0.1:8545")]
    NotUrl {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address is of a kind that is not spoken.
    #[error("{scheme}:// is not spoken; take the endpoint's http:// or https:// address")]
    Scheme {
        /// What stands before `://`.
        scheme: String,
    },
    /// The client cannot be made. The reason is inside.
    #[error("the HTTP client cannot be made: {0}")]
    Client(String),
}

/// A client for an endpoint. Nothing is asked yet.
pub fn connect(text: &str) -> Result<RpcClient, EndpointError> {
    let url: Url = text.parse().map_err(|error| EndpointError::NotUrl {
        text: text.to_owned(),
        reason: format!("{error}"),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme().to_owned();
        return Err(EndpointError::Scheme { scheme });
    }
    let client = reqwest::Client::builder()
        .timeout(LIMIT)
        .connect_timeout(CONNECT_LIMIT)
        .build()
        .map_err(|error| EndpointError::Client(error.to_string()))?;
    Ok(ClientBuilder::default().http_with_client(client, url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_http_address_is_refused_with_the_fix() {
        let refused = |text| connect(text).expect_err("it is refused").to_string();
        assert!(refused("127.0.0.1").contains("http://127.0.0.1:8545"));
        assert!(refused("ws://127.0.0.1:8546").contains("http://"));
        assert!(refused("ipc:/tmp/socket").contains("ipc://"));
    }
}
