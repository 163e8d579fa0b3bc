//! What readers of a stream see at one moment: playlists as text, and which segments may be
//! fetched. Made anew for each change and swapped in one step.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;

use streamflow_media::playlist::{self, MasterPlaylist, MediaPlaylist};
use streamflow_types::Container;

use super::StreamView;
use super::stream::{KEPT, Slot, Stream, WINDOW};
use super::variant::{SOURCE, Variant};
use crate::name::encode;

/// What readers see.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// `None` before the first segment.
    pub(super) master: Option<Bytes>,
    /// By variant.
    pub(super) media: HashMap<String, Bytes>,
    /// By media sequence number.
    files: BTreeMap<u64, Files>,
    pub(super) view: Option<StreamView>,
    pub(super) ended: Option<Instant>,
}

#[derive(Debug)]
struct Files {
    place: u64,
    variants: Vec<(String, Container)>,
}

/// A segment that may be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The place its bytes are stored under.
    pub(super) place: u64,
    pub(super) container: Container,
}

impl Snapshot {
    /// The segment of this variant and number.
    pub(super) fn find(&self, variant: &str, number: u64) -> Option<Found> {
        let files = self.files.get(&number)?;
        let (_, container) = files.variants.iter().find(|(name, _)| name == variant)?;
        Some(Found {
            place: files.place,
            container: *container,
        })
    }

    /// Everything readers may see of the stream now.
    pub(super) fn of(manifest: &str, stream: &Stream, end_list: bool, view: StreamView) -> Self {
        let is_over = end_list && stream.ended.is_some() && stream.unresolved() == 0;
        let mut media = HashMap::new();
        let mut list = |name: &str, listed: &[&Slot]| {
            if !listed.is_empty() {
                let text = media_playlist(manifest, name, stream, listed, is_over).write();
                media.insert(name.to_owned(), Bytes::from(text));
            }
        };
        list(SOURCE, &window(stream.slots().iter(), |_| true));
        for variant in &stream.renditions {
            if let Some(since) = variant.since {
                list(
                    &variant.name,
                    &window(stream.released(), |slot| slot.number >= since),
                );
            }
        }
        let listed = std::iter::once(&stream.source)
            .chain(&stream.renditions)
            .filter(|variant| media.contains_key(&variant.name));
        let master = MasterPlaylist {
            independent_segments: listed.clone().all(Variant::is_independent),
            variants: listed.map(|variant| line(manifest, variant)).collect(),
        };
        Self {
            master: (!master.variants.is_empty()).then(|| Bytes::from(master.write())),
            media,
            files: files(stream),
            view: Some(view),
            ended: stream.ended,
        }
    }
}

/// The newest slots, as many as a playlist lists.
fn window<'a>(
    slots: impl DoubleEndedIterator<Item = &'a Slot>,
    belongs: impl Fn(&Slot) -> bool,
) -> Vec<&'a Slot> {
    let mut listed: Vec<&Slot> = slots
        .rev()
        .filter(|slot| belongs(slot))
        .take(WINDOW)
        .collect();
    listed.reverse();
    listed
}

fn media_playlist(
    manifest: &str,
    variant: &str,
    stream: &Stream,
    listed: &[&Slot],
    is_over: bool,
) -> MediaPlaylist {
    let first = listed.first();
    let before = |slot: &&Slot| slot.discontinuities - u64::from(slot.discontinuity);
    MediaPlaylist {
        target_duration: stream.target_s(),
        media_sequence: first.map_or(0, |slot| slot.number),
        discontinuity_sequence: first.map_or(0, before),
        independent_segments: false,
        ended: is_over,
        entries: listed
            .iter()
            .map(|slot| entry(manifest, variant, slot))
            .collect(),
    }
}

fn entry(manifest: &str, variant: &str, slot: &Slot) -> playlist::Entry {
    let container = match variant {
        SOURCE => slot.source.as_ref().map(|source| source.container),
        name => slot.rendition(name).map(|(_, made, _)| made.container),
    };
    let extension = container.unwrap_or_default().extension();
    let (stream, rendition) = (encode(manifest), encode(variant));
    let uri = format!("/stream/{stream}/{rendition}/{}{extension}", slot.number);
    playlist::Entry {
        discontinuity: slot.discontinuity,
        gap: container.is_none(),
        ..playlist::Entry::new(&uri, slot.duration)
    }
}

fn line(manifest: &str, variant: &Variant) -> playlist::Variant {
    let uri = format!("{}/{}.m3u8", encode(manifest), encode(&variant.name));
    playlist::Variant {
        average_bandwidth: Some(variant.average_bps()),
        resolution: variant.size(),
        frame_rate: variant.frame_rate(),
        codecs: variant.codecs().to_vec(),
        ..playlist::Variant::new(&uri, variant.peak_bps())
    }
}

/// The newest of each variant, as many as are kept.
fn files(stream: &Stream) -> BTreeMap<u64, Files> {
    let released = stream.released().next_back().map(|slot| slot.number);
    let newest = stream.slots().back().map_or(0, |slot| slot.number);
    let visible = |slot: &Slot| {
        let source = slot.source.as_ref()?;
        let mut variants = Vec::new();
        if slot.number + KEPT as u64 > newest {
            variants.push((SOURCE.to_owned(), source.container));
        }
        if released.is_some_and(|released| slot.number <= released) {
            variants.extend(stream.renditions.iter().filter_map(|variant| {
                let (_, made, _) = slot.rendition(&variant.name)?;
                Some((variant.name.clone(), made.container))
            }));
        }
        Some((
            slot.number,
            Files {
                place: source.place,
                variants,
            },
        ))
    };
    stream.slots().iter().filter_map(visible).collect()
}

/// Whether an ended stream has been served long enough.
pub(super) fn is_past(ended: Option<Instant>, grace: Duration, now: Instant) -> bool {
    ended.is_some_and(|ended| now.saturating_duration_since(ended) >= grace)
}
