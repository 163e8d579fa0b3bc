//! A node's certificate: self-signed, ECDSA P-256, kept across restarts so that peers may pin it.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// How long a certificate is good for: a year.
const VALIDITY: Duration = Duration::from_secs(8_765 * 3_600);

/// A certificate with less than this left is replaced at start.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Certificates start a little in the past, for peers whose clock is behind.
const BACKDATE: Duration = Duration::from_secs(3_600);

/// A certificate and its key. The key never prints.
#[derive(Clone)]
pub struct Identity {
    fingerprint: [u8; 32],
    config: Arc<rustls::ServerConfig>,
}

/// Why a node has no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// Check the data directory and its permissions.
    #[error("{path}: {source}; check that the folder exists and is writable")]
    File {
        /// The file at fault.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The host part of the service address cannot stand in a certificate.
    #[error("{0:?} cannot be the host of a certificate; it must be ASCII")]
    Host(String),
    /// The files are damaged; removing both makes a new pair at the next start.
    #[error("{path} holds no usable certificate and key ({problem}); remove cert.pem and key.pem")]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Making a certificate failed.
    #[error("no certificate could be made")]
    Make(#[from] rcgen::Error),
}

impl Identity {
    /// The certificate kept in `dir` as `cert.pem` and `key.pem` (0600). A new one is made when
    /// there is none, when it names another host, and when it soon expires.
    pub fn load_or_create(dir: &Path, host: &str) -> Result<Self, IdentityError> {
        let (cert_path, key_path) = (dir.join("cert.pem"), dir.join("key.pem"));
        if let Some(pem) = read_if_present(&cert_path)?
            && note_is_current(&pem, host, SystemTime::now())
            && let Some(key) = read_if_present(&key_path)?
        {
            return Self::from_pem(&pem, &key).map_err(|problem| IdentityError::Damaged {
                path: dir.to_owned(),
                problem,
            });
        }
        let (cert, key) = make(host)?;
        write_private(&key_path, &key)?;
        write_private(&cert_path, &cert)?;
        Self::from_made(&cert, &key)
    }

    /// A certificate that lives as long as the process.
    pub fn ephemeral(host: &str) -> Result<Self, IdentityError> {
        let (cert, key) = make(host)?;
        Self::from_made(&cert, &key)
    }

    /// SHA-256 of the certificate: what a peer pins.
    pub const fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The server side of TLS with this certificate: HTTP/2 before HTTP/1.1, no demand on clients.
    pub(crate) fn server_config(&self) -> Arc<rustls::ServerConfig> {
        self.config.clone()
    }

    fn from_made(cert: &str, key: &str) -> Result<Self, IdentityError> {
        Self::from_pem(cert, key).map_err(|problem| IdentityError::Damaged {
            path: PathBuf::new(),
            problem,
        })
    }

    fn from_pem(cert: &str, key: &str) -> Result<Self, String> {
        let cert: CertificateDer<'static> = rustls_pemfile::certs(&mut cert.as_bytes())
            .next()
            .ok_or("no certificate")?
            .map_err(|error| error.to_string())?;
        let key: PrivateKeyDer<'static> = rustls_pemfile::private_key(&mut key.as_bytes())
            .map_err(|error| error.to_string())?
            .ok_or("no key")?;
        let fingerprint = Sha256::digest(&cert).into();
        let mut config = rustls::ServerConfig::builder_with_provider(super::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_no_client_auth()
            .with_single_cert(vec![cert], key)
            .map_err(|error| error.to_string())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            fingerprint,
            config: Arc::new(config),
        })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("key", &"***")
            .finish_non_exhaustive()
    }
}

/// The line before the certificate that says what it is for; PEM readers skip it.
fn note(host: &str, expires: Duration) -> String {
    format!("streamflow host={host} expires={}\n", expires.as_secs())
}

fn note_is_current(pem: &str, host: &str, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = pem
        .lines()
        .next()
        .and_then(|line| line.strip_prefix(&format!("streamflow host={host} expires=")))
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    expires.is_some_and(|expires| expires > now + RENEW_BEFORE)
}

/// Certificate (with its note) and key, both PEM.
fn make(host: &str) -> Result<(String, String), IdentityError> {
    let name = rcgen::string::Ia5String::try_from(host)
        .map_err(|_| IdentityError::Host(host.to_owned()))?;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    // A DNS name also where the host is an IP address: that is what peers expect to see.
    params.subject_alt_names = vec![SanType::DnsName(name)];
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = SystemTime::now();
    params.not_before = (now - BACKDATE).into();
    params.not_after = (now + VALIDITY).into();
    let expires = now.duration_since(UNIX_EPOCH).unwrap_or_default() + VALIDITY;
    let cert = params.self_signed(&key)?;
    Ok((note(host, expires) + &cert.pem(), key.serialize_pem()))
}

fn read_if_present(path: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::File {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Replaces the file in one step, readable by its owner only.
fn write_private(path: &Path, text: &str) -> Result<(), IdentityError> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|source| IdentityError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_kept_until_the_host_changes() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::load_or_create(dir.path(), "127.0.0.1").unwrap();
        let again = Identity::load_or_create(dir.path(), "127.0.0.1").unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        let other = Identity::load_or_create(dir.path(), "example.net").unwrap();
        assert_ne!(first.fingerprint(), other.fingerprint());
        for file in ["cert.pem", "key.pem"] {
            let mode = fs::metadata(dir.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_certificate_near_its_end_is_not_current() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let expires = Duration::from_secs(1_000_000_000) + RENEW_BEFORE;
        assert!(!note_is_current(&note("h", expires), "h", now));
        assert!(note_is_current(
            &note("h", expires + Duration::from_secs(1)),
            "h",
            now
        ));
        assert!(!note_is_current("", "h", now));
    }

    #[test]
    fn damaged_files_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        Identity::load_or_create(dir.path(), "h").unwrap();
        fs::write(dir.path().join("key.pem"), "nonsense").unwrap();
        let error = Identity::load_or_create(dir.path(), "h").unwrap_err();
        assert!(
            error.to_string().contains("remove cert.pem and key.pem"),
            "{error}"
        );
    }

    #[test]
    fn a_host_outside_ascii_is_refused() {
        assert!(matches!(
            Identity::ephemeral("bücher.example"),
            Err(IdentityError::Host(_))
        ));
    }
}
