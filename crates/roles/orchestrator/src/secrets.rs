//! The secret behind auth tokens: kept on disk, so that a restarted node takes its own tokens.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::Rng;
use streamflow_wire::token::TokenSecret;

/// The file in the data folder.
const FILE: &str = "auth-token-secret";

/// Why the secret cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// The data folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{0} does not hold 32 bytes; take it away to start with a new secret")]
    Content(PathBuf),
}

/// Reads the secret, or makes one.
pub(crate) fn load_or_create(
    data_dir: &Path,
    rng: &mut impl Rng,
) -> Result<TokenSecret, SecretsError> {
    let path = data_dir.join(FILE);
    let failed = |source| SecretsError::File {
        path: path.clone(),
        source,
    };
    match fs::read(&path) {
        Ok(bytes) => {
            let secret = bytes
                .try_into()
                .map_err(|_| SecretsError::Content(path.clone()))?;
            Ok(TokenSecret::new(secret))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let secret: [u8; 32] = rng.random();
            fs::create_dir_all(data_dir).map_err(failed)?;
            write(&path, &secret).map_err(failed)?;
            Ok(TokenSecret::new(secret))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whole or not at all, for the owner only.
fn write(path: &Path, secret: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(secret)?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn a_restart_finds_the_same_secret() {
        let folder = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(1);
        let first = load_or_create(folder.path(), &mut rng).unwrap();
        let second = load_or_create(folder.path(), &mut rng).unwrap();
        assert_eq!(first.as_bytes(), second.as_bytes());
        fs::write(folder.path().join(FILE), "short").unwrap();
        assert!(load_or_create(folder.path(), &mut rng).is_err());
    }
}
