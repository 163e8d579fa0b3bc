//! Handing another node a place in an object store: upload policies as S3 takes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::proto::{OsInfo, S3osInfo, os_info::StorageType};

/// How long an uploaded-to policy is good for, in seconds.
pub const POLICY_SECONDS: u64 = 24 * 60 * 60;

/// Algorithm named in policies and uploads.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The region of a store that has none.
const NO_REGION: &str = "ignored";

/// An account at an S3 store.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Account {
    /// Public half.
    pub access_key: String,
    /// Secret half.
    pub secret_key: String,
    /// Where things are put.
    pub bucket: String,
    /// `https://<bucket>.s3.amazonaws.com` or `<scheme>://<endpoint>/<bucket>`.
    pub host: String,
    /// Region in signatures.
    pub region: String,
}

impl std::fmt::Debug for S3Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Account")
            .field("host", &self.host)
            .finish_non_exhaustive()
    }
}

impl S3Account {
    /// An account at Amazon.
    pub fn amazon(access_key: &str, secret_key: &str, region: &str, bucket: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            bucket: bucket.to_owned(),
            host: format!("https://{bucket}.s3.amazonaws.com"),
            region: region.to_owned(),
        }
    }

    /// An account at another store. Its region is the second label of a host name with at least
    /// four labels, else `ignored`.
    pub fn custom(
        access_key: &str,
        secret_key: &str,
        scheme: &str,
        endpoint: &str,
        bucket: &str,
    ) -> Self {
        let name = endpoint.split(':').next().unwrap_or_default();
        let labels: Vec<_> = name.split('.').collect();
        let region = labels
            .get(1)
            .filter(|_| labels.len() >= 4)
            .copied()
            .unwrap_or(NO_REGION);
        Self {
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            bucket: bucket.to_owned(),
            host: format!("{scheme}://{endpoint}/{bucket}"),
            region: region.to_owned(),
        }
    }

    /// What another node needs to upload below `prefix` until the policy runs out.
    pub fn hand_over(&self, prefix: &str, unix_ms: u64) -> OsInfo {
        let policy = self.policy(prefix, unix_ms);
        self.hand_over_policy(prefix, &policy, unix_ms)
    }

    /// The same for a policy text made before.
    pub fn hand_over_policy(&self, prefix: &str, policy: &str, unix_ms: u64) -> OsInfo {
        let date = Date::of(unix_ms);
        let policy = STANDARD.encode(policy);
        OsInfo {
            storage_type: StorageType::S3.into(),
            s3info: Some(S3osInfo {
                host: self.host.clone(),
                key: prefix.to_owned(),
                signature: hex::encode(self.sign(&date.day(), policy.as_bytes())),
                policy,
                credential: self.credential(&date),
                x_amz_date: format!("{}T000000Z", date.day()),
            }),
        }
    }

    /// The text that says what may be uploaded.
    fn policy(&self, prefix: &str, unix_ms: u64) -> String {
        let date = Date::of(unix_ms);
        let until = Date::of(unix_ms.saturating_add(POLICY_SECONDS * 1000)).rfc3339();
        let credential = self.credential(&date);
        let conditions = [
            format!(r#"{{"bucket": "{}"}}"#, self.bucket),
            r#"{"acl": "public-read"}"#.to_owned(),
            r#"["starts-with", "$Content-Type", ""]"#.to_owned(),
            format!(r#"["starts-with", "$key", "{prefix}"]"#),
            format!(r#"{{"x-amz-algorithm": "{ALGORITHM}"}}"#),
            format!(r#"{{"x-amz-credential": "{credential}"}}"#),
            format!(r#"{{"x-amz-date": "{}T000000Z"}}"#, date.day()),
        ];
        format!(
            r#"{{"expiration": "{until}", "conditions": [{}]}}"#,
            conditions.join(", ")
        )
    }

    fn credential(&self, date: &Date) -> String {
        format!(
            "{}/{}/{}/s3/aws4_request",
            self.access_key,
            date.day(),
            self.signing_region()
        )
    }

    /// A store without regions checks signatures of the first one.
    fn signing_region(&self) -> &str {
        if self.region == NO_REGION {
            "us-east-1"
        } else {
            &self.region
        }
    }

    fn sign(&self, day: &str, text: &[u8]) -> Vec<u8> {
        let key = format!("AWS4{}", self.secret_key);
        let steps = [day, self.signing_region(), "s3", "aws4_request"];
        let key = steps
            .iter()
            .fold(key.into_bytes(), |key, step| hmac(&key, step.as_bytes()));
        hmac(&key, text)
    }
}

/// One field of an upload form, in the order it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormField {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

/// An upload with what another node handed over. The file follows the fields as the last part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Where to post.
    pub url: String,
    /// All but the file.
    pub fields: Vec<FormField>,
    /// Name of the file part.
    pub file_name: String,
    /// Where the file can be fetched afterwards.
    pub result_url: String,
}

/// Why nothing can be uploaded with what was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UploadError {
    /// Not S3, or without its data.
    #[error("storage: only S3 hand-over is known here")]
    Kind,
    /// No file name in the path.
    #[error("storage: an upload needs a file name")]
    Name,
}

impl Upload {
    /// An upload of `name`, for example `P240p30fps16x9/7.ts`.
    pub fn new(info: &OsInfo, name: &str, content_type: &str) -> Result<Self, UploadError> {
        let is_s3 = info.storage_type == i32::from(StorageType::S3);
        let s3 = info
            .s3info
            .as_ref()
            .filter(|_| is_s3)
            .ok_or(UploadError::Kind)?;
        let path = format!("{}/{name}", s3.key);
        let (folder, file) = path.rsplit_once('/').ok_or(UploadError::Name)?;
        if file.is_empty() {
            return Err(UploadError::Name);
        }
        let field = |name, value: &str| FormField {
            name,
            value: value.to_owned(),
        };
        Ok(Self {
            url: s3.host.clone(),
            fields: vec![
                field("acl", "public-read"),
                field("Content-Type", content_type),
                field("key", &format!("{folder}/${{filename}}")),
                field("policy", &s3.policy),
                field("x-amz-algorithm", ALGORITHM),
                field("x-amz-credential", &s3.credential),
                field("x-amz-date", &s3.x_amz_date),
                field("x-amz-signature", &s3.signature),
            ],
            file_name: file.to_owned(),
            result_url: format!("{}/{path}", s3.host),
        })
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

/// A moment in the civil calendar, UTC.
struct Date {
    year: u64,
    month: u64,
    day: u64,
    ms_of_day: u64,
}

impl Date {
    /// Days to civil date by the era of 400 years that starts on 1 March 0000.
    const fn of(unix_ms: u64) -> Self {
        let days = unix_ms / 86_400_000 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        Self {
            year: era * 400 + year_of_era + (month <= 2) as u64,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            ms_of_day: unix_ms % 86_400_000,
        }
    }

    fn day(&self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }

    fn rfc3339(&self) -> String {
        let seconds = self.ms_of_day / 1000;
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            self.year,
            self.month,
            self.day,
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.ms_of_day % 1000
        )
    }
}
