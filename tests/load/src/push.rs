//! A client that pushes segments over HTTP, as media servers do, and checks what comes back.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use streamflow_engine::Tag;

use crate::film;
use crate::roles::LADDER;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Pushes to one gateway.
#[derive(Clone)]
pub(crate) struct Pusher {
    client: reqwest::Client,
    base: String,
    /// Whether renditions carry the mark of transcoders that do not transcode.
    marked: bool,
}

/// A complete answer: the renditions, in order.
pub(crate) struct Answer(Vec<(String, Bytes)>);

impl Pusher {
    pub(crate) fn new(base: &str, marked: bool) -> anyhow::Result<Self> {
        Ok(Self {
            client: reqwest::Client::builder().timeout(PATIENCE).build()?,
            base: base.to_owned(),
            marked,
        })
    }

    /// Pushes one segment; gives the answer once its last byte is here.
    pub(crate) async fn push(
        &self,
        stream: &str,
        number: u64,
        segment: Bytes,
    ) -> anyhow::Result<Answer> {
        let request = self
            .client
            .put(format!("{}/{stream}/{number}.ts", self.base))
            .header("Accept", "multipart/mixed")
            .header("Content-Duration", film::LENGTH.as_millis().to_string())
            .header("Content-Resolution", "1280x720")
            .body(segment);
        let answer = request.send().await?;
        let status = answer.status();
        if !status.is_success() {
            let text = answer.text().await.unwrap_or_default();
            bail!("status {status}: {}", text.trim());
        }
        let kind = answer.headers().get("content-type");
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (_, boundary) = kind.split_once("boundary=").context("no parts came")?;
        let boundary = boundary.to_owned();
        let mut parts = multer::Multipart::new(answer.bytes_stream(), boundary);
        let mut renditions = Vec::with_capacity(LADDER.len());
        while let Some(part) = parts.next_field().await? {
            let name = part.headers().get("rendition-name");
            let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
            let name = name.to_owned();
            renditions.push((name, part.bytes().await?));
        }
        Ok(Answer(renditions))
    }

    /// Whether the answer is whole, and made of this segment.
    pub(crate) fn check(&self, number: u64, answer: &Answer) -> anyhow::Result<()> {
        let names: Vec<_> = answer.0.iter().map(|(name, _)| name.as_str()).collect();
        let wanted: Vec<_> = LADDER.iter().map(|(name, ..)| *name).collect();
        ensure!(names == wanted, "renditions {names:?} came");
        for (name, bytes) in answer.0.iter().filter(|_| self.marked) {
            let tag = Tag::read(bytes)?;
            ensure!(
                (tag.number, &tag.rendition) == (number, name),
                "segment {} of {} came",
                tag.number,
                tag.rendition
            );
        }
        Ok(())
    }
}
