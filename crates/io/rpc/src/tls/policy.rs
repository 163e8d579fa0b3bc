//! What is demanded of a peer's certificate. Nodes sign their own, so chains and host names prove
//! nothing; that the peer owns the key of the certificate it shows is always checked.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, OtherError, SignatureScheme};
use sha2::{Digest, Sha256};

/// Whose certificate is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum PeerPolicy {
    /// Anybody's. Results are authenticated by their signatures, not by the connection.
    #[default]
    AnyCertificate,
    /// Only certificates with one of these SHA-256 fingerprints.
    Pinned(Vec<[u8; 32]>),
}

impl PeerPolicy {
    /// The client side of TLS under this policy, offering these protocols. For connections
    /// between nodes only: never for webhooks or object stores.
    pub(crate) fn client_config(&self, alpn: &[&[u8]]) -> rustls::ClientConfig {
        let provider = super::provider();
        let verifier = Verifier {
            policy: self.clone(),
            provider: provider.clone(),
        };
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for TLS 1.2 and 1.3")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        config
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), NotPinned> {
        let Self::Pinned(pins) = self else {
            return Ok(());
        };
        let fingerprint: [u8; 32] = Sha256::digest(certificate).into();
        if pins.contains(&fingerprint) {
            Ok(())
        } else {
            Err(NotPinned(alloy_primitives::hex::encode(fingerprint)))
        }
    }
}

/// Another peer than was asked for, or one with a new certificate.
#[derive(Debug, thiserror::Error)]
#[error("its certificate, fingerprint {0}, is none of those pinned")]
struct NotPinned(String);

#[derive(Debug)]
struct Verifier {
    policy: PeerPolicy,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.policy.check(end_entity) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(Error::Other(OtherError(Arc::new(error)))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
