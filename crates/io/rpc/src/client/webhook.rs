//! The client for what an operator runs beside the node: webhooks and the like.

use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;

use super::ClientsError;

/// Dialling a webhook, TLS included.
const DIAL_LIMIT: Duration = Duration::from_secs(3);

/// A client that trusts what the system trusts and follows no redirects. The caller bounds each
/// exchange.
pub fn webhooks() -> Result<reqwest::Client, ClientsError> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("streamflow/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(DIAL_LIMIT)
        .build()?;
    Ok(client)
}
