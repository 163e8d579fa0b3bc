//! Secrets are files, never values in a file, a flag or the environment.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest secret: longer ones are the wrong file.
const MAX_BYTES: u64 = 4_096;

/// The trimmed content of a secret file. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

/// Why a secret file was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("{path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} may be read by others (mode {mode:04o}); run chmod 600 {path}")]
    Open { path: PathBuf, mode: u32 },
    #[error("{0} is no file")]
    NoFile(PathBuf),
    #[error("{0} is empty")]
    Empty(PathBuf),
    #[error("{0} is too long for a secret")]
    TooLong(PathBuf),
}

impl Secret {
    /// A secret that came another way, as in compatibility mode.
    pub(crate) fn literal(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Reads a file that only its owner may read.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretError> {
        let path = path.to_owned();
        let facts = match fs::metadata(&path) {
            Ok(facts) => facts,
            Err(source) => return Err(SecretError::Read { path, source }),
        };
        let mode = facts.permissions().mode() & 0o7777;
        if !facts.is_file() {
            return Err(SecretError::NoFile(path));
        }
        if mode & 0o077 != 0 {
            return Err(SecretError::Open { path, mode });
        }
        if facts.len() > MAX_BYTES {
            return Err(SecretError::TooLong(path));
        }
        match fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Err(SecretError::Empty(path)),
            Ok(text) => Ok(Self(text.trim().to_owned())),
            Err(source) => Err(SecretError::Read { path, source }),
        }
    }

    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_files_with_content_are_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let good = Secret::read(&file("good", " swordfish\n", 0o600)).unwrap();
        assert_eq!(
            (good.expose(), format!("{good:?}").as_str()),
            ("swordfish", "***")
        );
        let open = Secret::read(&file("open", "x", 0o640)).unwrap_err();
        assert!(open.to_string().contains("chmod 600"), "{open}");
        assert!(matches!(
            Secret::read(&file("empty", "\n", 0o600)),
            Err(SecretError::Empty(_))
        ));
        let long = file("long", &"x".repeat(5_000), 0o600);
        assert!(matches!(Secret::read(&long), Err(SecretError::TooLong(_))));
        assert!(matches!(
            Secret::read(dir.path()),
            Err(SecretError::NoFile(_))
        ));
        assert!(Secret::read(&dir.path().join("absent")).is_err());
    }
}
