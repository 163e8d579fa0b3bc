//! Store URLs as configuration and webhooks give them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use streamflow_runtime::Clock;
use streamflow_wire::storage::S3Account;

use super::{FolderObjects, KeyError, ObjectClient, ObjectKey, ObjectStore, S3Objects};

/// A store by its URL. Printing it shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// `s3://KEY:SECRET@region/bucket[/prefix]`, or `s3+https://KEY:SECRET@host/bucket[/prefix]`.
    S3 {
        /// The account and its bucket.
        account: S3Account,
        /// Everything lies below this.
        prefix: Option<ObjectKey>,
    },
    /// A path, or `file:` and a path.
    Folder(PathBuf),
}

/// Why a text is no store URL. None of these repeats the text: it may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LocationError {
    /// Nothing given.
    #[error("the store URL is empty")]
    Empty,
    /// Not a URL at all.
    #[error("the store URL cannot be read: {0}")]
    Url(#[from] url::ParseError),
    /// A kind of store that is known and not spoken here.
    #[error("{0} stores are not supported; use s3://, s3+https://, or a folder")]
    NotSupported(&'static str),
    /// A kind of store nobody knows.
    #[error("the store URL starts with {0:?}; use s3://, s3+http://, s3+https://, or a folder")]
    Scheme(String),
    /// A part is missing.
    #[error("the store URL has no {0}; it reads s3://KEY:SECRET@region/bucket/prefix")]
    Missing(&'static str),
    /// The prefix is no key.
    #[error("the prefix of the store URL cannot be used: {0}")]
    Prefix(#[from] KeyError),
    /// A broken escape.
    #[error("the {0} of the store URL has a broken % escape")]
    Escape(&'static str),
}

impl StoreLocation {
    /// Reads a store URL.
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Ok(Self::Folder(text.into()));
        };
        match scheme {
            "s3" => s3(text, None),
            "s3+http" => s3(text, Some("http")),
            "s3+https" => s3(text, Some("https")),
            "file" => folder(rest),
            "gs" => Err(LocationError::NotSupported("Google Cloud Storage")),
            "ipfs" => Err(LocationError::NotSupported("IPFS")),
            "w3s" => Err(LocationError::NotSupported("web3.storage")),
            // A colon inside a path.
            path if path.contains('/') || path.starts_with('.') => Ok(Self::Folder(text.into())),
            other => Err(LocationError::Scheme(other.to_owned())),
        }
    }

    /// The store itself.
    pub fn open(self, client: &ObjectClient, clock: Arc<dyn Clock>) -> Arc<dyn ObjectStore> {
        match self {
            Self::S3 { account, prefix } => {
                Arc::new(S3Objects::new(account, prefix, client.clone(), clock))
            }
            Self::Folder(path) => Arc::new(FolderObjects::new(path)),
        }
    }
}

impl fmt::Debug for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3 { account, prefix } => {
                let prefix = prefix.as_ref().map_or("", ObjectKey::as_str);
                write!(f, "S3(***:***@{}/{prefix})", account.host)
            }
            Self::Folder(path) => write!(f, "Folder({})", path.display()),
        }
    }
}

fn folder(rest: &str) -> Result<StoreLocation, LocationError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match path.is_empty() {
        true => Err(LocationError::Missing("path")),
        false => Ok(StoreLocation::Folder(path.into())),
    }
}

fn s3(text: &str, scheme: Option<&str>) -> Result<StoreLocation, LocationError> {
    let url = Url::parse(text)?;
    let user = decode("key", url.username())?;
    let secret = decode("secret", url.password().unwrap_or_default())?;
    let host = url.host_str().unwrap_or_default();
    let mut names = url.path().trim_matches('/').splitn(2, '/');
    let bucket = names.next().unwrap_or_default();
    let place = if scheme.is_some() { "host" } else { "region" };
    let parts = [
        ("key", user.as_str()),
        ("secret", &secret),
        (place, host),
        ("bucket", bucket),
    ];
    if let Some((missing, _)) = parts.iter().find(|(_, part)| part.is_empty()) {
        return Err(LocationError::Missing(missing));
    }
    let prefix = names
        .next()
        .map(|prefix| decode("prefix", prefix))
        .transpose()?;
    let prefix = prefix.map(|prefix| ObjectKey::new(&prefix)).transpose()?;
    let account = match scheme {
        Some(scheme) => {
            let endpoint = match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            };
            S3Account::custom(&user, &secret, scheme, &endpoint, bucket)
        }
        None => S3Account::amazon(&user, &secret, host, bucket),
    };
    Ok(StoreLocation::S3 { account, prefix })
}

fn decode(what: &'static str, text: &str) -> Result<String, LocationError> {
    let broken = || LocationError::Escape(what);
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit().zip(digit()).map(|(high, low)| high * 16 + low);
        bytes.push(
            value
                .and_then(|value| u8::try_from(value).ok())
                .ok_or_else(broken)?,
        );
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_and_custom_stores_are_read_with_their_prefix() {
        let amazon = StoreLocation::parse("s3://AK:S%2FK@us-west-2/films/live/a").unwrap();
        let StoreLocation::S3 { account, prefix } = amazon else {
            panic!()
        };
        assert_eq!(account.host, "https://films.s3.amazonaws.com");
        assert_eq!(
            (account.secret_key.as_str(), account.region.as_str()),
            ("S/K", "us-west-2")
        );
        assert_eq!(prefix.unwrap().as_str(), "live/a");

        let custom = StoreLocation::parse("s3+https://AK:SK@store.example:9000/films").unwrap();
        let StoreLocation::S3 { account, prefix } = custom else {
            panic!()
        };
        assert_eq!(
            (account.host.as_str(), prefix),
            ("https://store.example:9000/films", None)
        );
    }

    #[test]
    fn folders_are_paths_and_file_urls() {
        for text in ["/var/films", "file:/var/films", "file:///var/films"] {
            let expected = StoreLocation::Folder("/var/films".into());
            assert_eq!(StoreLocation::parse(text), Ok(expected));
        }
        let odd = StoreLocation::parse("./a:b").unwrap();
        assert_eq!(odd, StoreLocation::Folder("./a:b".into()));
    }

    #[test]
    fn what_cannot_be_used_is_named_without_secrets() {
        use LocationError::{Empty, Escape, Missing, NotSupported, Scheme};
        let cases = [
            ("", Empty),
            ("gs://bucket", NotSupported("Google Cloud Storage")),
            ("ipfs://key:secret@pinata.cloud", NotSupported("IPFS")),
            ("w3s://x", NotSupported("web3.storage")),
            ("ftp://x", Scheme("ftp".into())),
            ("s3://AK@region/bucket", Missing("secret")),
            ("s3://AK:HIDDEN@region", Missing("bucket")),
            ("s3+http://AK:HIDDEN%2@host/bucket", Escape("secret")),
            ("file:", Missing("path")),
        ];
        for (text, expected) in cases {
            let error = StoreLocation::parse(text).unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!error.to_string().contains("HIDDEN"));
        }
        assert!(StoreLocation::parse("s3://AK:HIDDEN@region/bucket/../x//y").is_err());
        let secret = StoreLocation::parse("s3://AK:HIDDEN@region/bucket").unwrap();
        let printed = format!("{secret:?}");
        assert!(
            !printed.contains("HIDDEN") && !printed.contains("AK"),
            "{printed}"
        );
    }
}
