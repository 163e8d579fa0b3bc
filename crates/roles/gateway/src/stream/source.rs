//! Where the segments of a stream come from.

use streamflow_types::SourceSegment;
use streamflow_wire::segment::Slice;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::Reply;
use crate::node::{Memory, PIECE};

/// A segment on its way in.
pub(crate) struct Incoming {
    pub(crate) segment: SourceSegment,
    /// Keccak-256 of the segment, where it was taken on the way in.
    pub(crate) keccak: Option<[u8; 32]>,
    /// Segment parameters, which all pushed segments carry.
    pub(crate) slice: Option<Slice>,
    /// The publisher wants hardware sessions to start anew.
    pub(crate) reinit: bool,
    /// Whoever waits for the renditions.
    pub(crate) reply: Option<Reply>,
    /// Its share of the bytes in hand; pushes are counted at their door.
    pub(crate) held: Option<OwnedSemaphorePermit>,
}

/// The segments of one stream.
pub(crate) struct Source {
    kind: Kind,
    /// Taken from the publisher, waiting for its share of memory. Publishers are held back
    /// meanwhile.
    waiting: Option<SourceSegment>,
    given_up: bool,
}

enum Kind {
    Rtmp(Option<mpsc::Receiver<SourceSegment>>),
    Push(Option<mpsc::Receiver<Incoming>>),
}

impl Source {
    pub(crate) fn rtmp(segments: mpsc::Receiver<SourceSegment>) -> Self {
        Self {
            kind: Kind::Rtmp(Some(segments)),
            waiting: None,
            given_up: false,
        }
    }

    pub(crate) fn push(segments: mpsc::Receiver<Incoming>) -> Self {
        Self {
            kind: Kind::Push(Some(segments)),
            waiting: None,
            given_up: false,
        }
    }

    /// Whether a publisher is there.
    pub(super) fn is_open(&self) -> bool {
        match &self.kind {
            Kind::Rtmp(segments) => segments.is_some() || self.waiting.is_some(),
            Kind::Push(segments) => segments.is_some(),
        }
    }

    /// The next segment; `None` when the publisher left. May be dropped and called again.
    pub(super) async fn next(&mut self, bytes: &Memory) -> Option<Incoming> {
        match &mut self.kind {
            Kind::Push(segments) => {
                let next = segments.as_mut()?.recv().await;
                if next.is_none() {
                    *segments = None;
                }
                next
            }
            Kind::Rtmp(segments) => {
                if self.waiting.is_none() {
                    self.waiting = match segments.as_mut() {
                        Some(segments) => segments.recv().await,
                        None => None,
                    };
                }
                let Some(waiting) = &self.waiting else {
                    *segments = None;
                    return None;
                };
                let held = share(bytes, waiting.bytes.len()).await;
                let segment = self.waiting.take()?;
                Some(Incoming {
                    segment,
                    keccak: None,
                    slice: None,
                    reinit: false,
                    reply: None,
                    held,
                })
            }
        }
    }

    /// A publisher came back. `false` where one is there.
    pub(super) fn attach(&mut self, segments: mpsc::Receiver<SourceSegment>) -> bool {
        let is_free = !self.is_open() && !self.given_up;
        match &mut self.kind {
            Kind::Rtmp(old) if is_free => {
                *old = Some(segments);
                true
            }
            _ => false,
        }
    }

    /// Whether it would go on taking segments for ever: nobody tells those who push to leave.
    pub(super) fn accepts_while_idle(&self) -> bool {
        matches!(&self.kind, Kind::Push(Some(segments)) if !segments.is_closed())
    }

    /// Takes what was sent and nothing more.
    pub(super) fn drain(&mut self) {
        if let Kind::Push(Some(segments)) = &mut self.kind {
            segments.close();
        }
    }

    /// Nobody is waited for any more.
    pub(super) fn give_up(&mut self) {
        self.drain();
        self.given_up = !matches!(&self.kind, Kind::Push(Some(segments)) if !segments.is_empty());
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up
    }
}

/// A share of the memory for so many bytes; all of it for more than there is.
async fn share(bytes: &Memory, len: usize) -> Option<OwnedSemaphorePermit> {
    let wanted = u32::try_from(len.div_ceil(PIECE))
        .unwrap_or(u32::MAX)
        .min(bytes.pieces);
    // The semaphore is never closed.
    bytes.free.clone().acquire_many_owned(wanted).await.ok()
}
