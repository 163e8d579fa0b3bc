//! Who a node is on the wire: a self-signed certificate of its own, and what it demands of the
//! certificates of others.

mod identity;
mod policy;

pub use identity::{Identity, IdentityError};
pub use policy::PeerPolicy;

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The one cryptography provider of the program.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
