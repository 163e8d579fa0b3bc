//! A viewer that fetches everything: polls every variant's playlist and downloads each segment once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use bytes::Bytes;
use m3u8_rs::{MasterPlaylist, MediaPlaylist, Playlist};
use tokio::sync::watch;
use tokio::task::JoinSet;
use url::Url;

/// Time between two looks at a playlist.
const POLL: Duration = Duration::from_millis(50);

/// Snapshots of one playlist kept for the validator: ten minutes of two-second segments and more.
const MAX_SNAPSHOTS: usize = 1_000;

/// One segment as it was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// When its last byte was here.
    pub at: Instant,
    /// The bytes.
    pub bytes: Bytes,
    /// Its `EXTINF`.
    pub duration: Duration,
    /// Its URI as the playlist has it.
    pub uri: String,
    /// Whether the playlist did not have it when it was first looked at.
    pub is_new: bool,
}

/// Everything seen of one variant.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// Its URI as the master playlist has it.
    pub uri: String,
    /// Segments by number.
    pub segments: BTreeMap<u64, Fetched>,
    /// Numbers listed as gaps.
    pub gaps: Vec<u64>,
    /// Each text of the playlist that differed from the one before.
    pub snapshots: Vec<String>,
    /// What went wrong while fetching; empty on a good day.
    pub errors: Vec<String>,
}

/// Everything seen of one stream.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The last master playlist.
    pub master: String,
    /// By the name in the variant's path.
    pub variants: BTreeMap<String, Variant>,
}

/// Reads a stream for a while.
pub struct Reader {
    client: reqwest::Client,
    master: Url,
}

impl Reader {
    /// A reader of the stream with this master playlist.
    pub fn new(master: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self {
            client,
            master: Url::parse(master).context("the playlist URL")?,
        })
    }

    /// Waits until the master playlist lists `variants` variants.
    pub async fn wait_for(&self, variants: usize, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        loop {
            let found = self
                .master()
                .await
                .map(|(_, master)| master.variants.len())
                .unwrap_or(0);
            if found >= variants {
                return Ok(());
            }
            if Instant::now() > until {
                bail!(
                    "{} lists {found} of {variants} variants after {patience:?}",
                    self.master
                );
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Reads every variant until `until`; variants that appear later are read from then on.
    pub async fn read(&self, until: Instant) -> anyhow::Result<Seen> {
        let (_known, until) = watch::channel(Some(until));
        self.read_until(until).await
    }

    /// Like `read`, where the end becomes known while it reads.
    pub async fn read_until(
        &self,
        until: watch::Receiver<Option<Instant>>,
    ) -> anyhow::Result<Seen> {
        let mut seen = Seen::default();
        let mut tasks = JoinSet::new();
        let mut started = Vec::new();
        while goes_on(&until) {
            if let Ok((text, master)) = self.master().await {
                seen.master = text;
                for variant in master.variants {
                    if started.contains(&variant.uri) {
                        continue;
                    }
                    let url = self.master.join(&variant.uri)?;
                    started.push(variant.uri.clone());
                    let end = until.clone();
                    tasks.spawn(follow(self.client.clone(), variant.uri, url, end));
                }
            }
            tokio::time::sleep(POLL * 4).await;
        }
        while let Some(done) = tasks.join_next().await {
            let (name, variant) = done?;
            seen.variants.insert(name, variant);
        }
        Ok(seen)
    }

    async fn master(&self) -> anyhow::Result<(String, MasterPlaylist)> {
        let text = fetch(&self.client, &self.master).await?;
        match m3u8_rs::parse_playlist_res(&text) {
            Ok(Playlist::MasterPlaylist(master)) => {
                Ok((String::from_utf8_lossy(&text).into_owned(), master))
            }
            Ok(Playlist::MediaPlaylist(_)) => bail!("{} is no master playlist", self.master),
            Err(error) => bail!("{}: {error}", self.master),
        }
    }
}

fn goes_on(until: &watch::Receiver<Option<Instant>>) -> bool {
    until.borrow().is_none_or(|until| Instant::now() < until)
}

async fn follow(
    client: reqwest::Client,
    uri: String,
    url: Url,
    until: watch::Receiver<Option<Instant>>,
) -> (String, Variant) {
    let name = name_of(&url);
    let mut variant = Variant {
        uri,
        ..Variant::default()
    };
    while goes_on(&until) {
        match fetch(&client, &url).await {
            Ok(text) => take(&client, &url, &text, &mut variant).await,
            Err(error) => note(&mut variant, format!("{url}: {error:#}")),
        }
        tokio::time::sleep(POLL).await;
    }
    (name, variant)
}

async fn take(client: &reqwest::Client, url: &Url, text: &Bytes, variant: &mut Variant) {
    let text = String::from_utf8_lossy(text).into_owned();
    if variant.snapshots.last() == Some(&text) {
        return;
    }
    match m3u8_rs::parse_media_playlist_res(text.as_bytes()) {
        Ok(playlist) => download_new(client, url, &playlist, variant).await,
        Err(error) => note(variant, format!("{url}: {error}")),
    }
    if variant.snapshots.len() < MAX_SNAPSHOTS {
        variant.snapshots.push(text);
    }
}

async fn download_new(
    client: &reqwest::Client,
    url: &Url,
    playlist: &MediaPlaylist,
    variant: &mut Variant,
) {
    for segment in &playlist.segments {
        let Some(number) = number_of(&segment.uri) else {
            note(variant, format!("{}: no number in the name", segment.uri));
            continue;
        };
        let is_gap = segment.unknown_tags.iter().any(|tag| tag.tag == "X-GAP");
        if is_gap {
            if !variant.gaps.contains(&number) {
                variant.gaps.push(number);
            }
            continue;
        }
        if variant.segments.contains_key(&number) {
            continue;
        }
        let fetched = match url.join(&segment.uri) {
            Ok(segment_url) => fetch(client, &segment_url).await,
            Err(error) => Err(error.into()),
        };
        match fetched {
            Ok(bytes) => {
                let duration = Duration::from_secs_f32(segment.duration);
                let fetched = Fetched {
                    at: Instant::now(),
                    bytes,
                    duration,
                    uri: segment.uri.clone(),
                    is_new: !variant.snapshots.is_empty(),
                };
                variant.segments.insert(number, fetched);
            }
            Err(error) => note(variant, format!("{}: {error:#}", segment.uri)),
        }
    }
}

/// Keeps the first few errors: enough to see what happened.
fn note(variant: &mut Variant, error: String) {
    const KEPT: usize = 20;
    if variant.errors.len() < KEPT {
        variant.errors.push(error);
    }
}

async fn fetch(client: &reqwest::Client, url: &Url) -> anyhow::Result<Bytes> {
    let answer = client.get(url.clone()).send().await?.error_for_status()?;
    Ok(answer.bytes().await?)
}

/// `480p` of `…/stream/demo/480p.m3u8`.
fn name_of(url: &Url) -> String {
    let last = url
        .path_segments()
        .and_then(|mut parts| parts.next_back())
        .unwrap_or_default();
    last.trim_end_matches(".m3u8").to_owned()
}

/// `17` of `/stream/demo/480p/17.ts`.
fn number_of(uri: &str) -> Option<u64> {
    let file = uri.split('?').next()?.rsplit('/').next()?;
    file.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_come_from_paths() {
        assert_eq!(number_of("/stream/demo/480p/17.ts"), Some(17));
        assert_eq!(number_of("playlist"), None);
        let url = Url::parse("http://127.0.0.1/stream/demo/480p.m3u8").unwrap();
        assert_eq!(name_of(&url), "480p");
    }
}
