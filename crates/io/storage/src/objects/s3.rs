//! S3 by upload policies: the only way that works with another node's credentials, and therefore
//! used with our own as well.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use url::Url;

use streamflow_runtime::Clock;
use streamflow_wire::proto::OsInfo;
use streamflow_wire::storage::{S3Account, Upload, UploadError};

use super::{ObjectClient, ObjectError, ObjectKey, ObjectStore, content_type};

/// A bucket of our own.
pub struct S3Objects {
    account: S3Account,
    prefix: Option<ObjectKey>,
    client: ObjectClient,
    clock: Arc<dyn Clock>,
}

/// What a peer let us store in.
pub struct PeerObjects {
    info: OsInfo,
    client: ObjectClient,
}

impl S3Objects {
    /// The part of a bucket below `prefix`, or all of it.
    pub fn new(
        account: S3Account,
        prefix: Option<ObjectKey>,
        client: ObjectClient,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            account,
            prefix,
            client,
            clock,
        }
    }

    /// Credentials for what lies below `prefix`, valid for a day from `unix` on.
    fn grant(&self, prefix: &str, unix: Duration) -> OsInfo {
        let prefix = match &self.prefix {
            Some(own) if prefix.is_empty() => own.to_string(),
            Some(own) => format!("{own}/{prefix}"),
            None => prefix.to_owned(),
        };
        let unix_ms = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
        self.account.hand_over(&prefix, unix_ms)
    }

    fn url(&self, key: &ObjectKey) -> String {
        let host = &self.account.host;
        match &self.prefix {
            Some(prefix) => format!("{host}/{prefix}/{key}"),
            None => format!("{host}/{key}"),
        }
    }
}

#[async_trait]
impl ObjectStore for S3Objects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<String, ObjectError> {
        let (folder, file) = key.as_str().rsplit_once('/').unwrap_or(("", key.as_str()));
        let mut upload = Upload::new(
            &self.grant(folder, self.clock.unix()),
            file,
            content_type(key, &bytes),
        )?;
        if folder.is_empty() && self.prefix.is_none() {
            without_leading_slash(&mut upload);
        }
        self.client.upload(upload, bytes).await?;
        Ok(self.url(key))
    }

    async fn read(&self, key: &ObjectKey, limit: usize) -> Result<Option<Bytes>, ObjectError> {
        self.client.fetch(&self.url(key), limit).await
    }

    fn hand_over(&self, prefix: &ObjectKey, unix: Duration) -> Option<OsInfo> {
        Some(self.grant(prefix.as_str(), unix))
    }
}

/// In the root of a bucket the folder is empty and nothing separates it from the file.
fn without_leading_slash(upload: &mut Upload) {
    for field in upload.fields.iter_mut().filter(|field| field.name == "key") {
        field.value = field.value.trim_start_matches('/').to_owned();
    }
}

impl PeerObjects {
    /// A store as a peer handed it over. Whether a peer's stores are used at all is for the
    /// caller to decide; here the address is held to plain HTTP or HTTPS without credentials.
    pub fn new(info: OsInfo, client: ObjectClient) -> Result<Self, ObjectError> {
        let host = info
            .s3info
            .as_ref()
            .map(|s3| s3.host.as_str())
            .ok_or(UploadError::Kind)?;
        let url = Url::parse(host).map_err(|error| ObjectError::Address(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(ObjectError::Address(format!(
                "the scheme is {:?}",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ObjectError::Address("it carries a user name".to_owned()));
        }
        Ok(Self { info, client })
    }

    fn upload(&self, key: &ObjectKey, bytes: &[u8]) -> Result<Upload, ObjectError> {
        Ok(Upload::new(
            &self.info,
            key.as_str(),
            content_type(key, bytes),
        )?)
    }
}

#[async_trait]
impl ObjectStore for PeerObjects {
    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<String, ObjectError> {
        self.client.upload(self.upload(key, &bytes)?, bytes).await
    }

    async fn read(&self, key: &ObjectKey, limit: usize) -> Result<Option<Bytes>, ObjectError> {
        self.client
            .fetch(&self.upload(key, &[])?.result_url, limit)
            .await
    }

    fn hand_over(&self, _prefix: &ObjectKey, _unix: Duration) -> Option<OsInfo> {
        None
    }
}
