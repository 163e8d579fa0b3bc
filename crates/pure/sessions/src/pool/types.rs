//! What goes into a pool and what comes out.

use std::time::Duration;

use crate::record::Peer;

/// A segment, as the driver counts them. Never used twice in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey(pub u64);

/// An attempt, as the pool counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId(pub u64);

/// How a pool decides.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Failed attempts after which a segment is given up; `None` tries until its deadline.
    pub max_failures: Option<u32>,
    /// Whether more peers can be searched for.
    pub searches: bool,
    /// The tier searched peers are in.
    pub searched_tier: u8,
}

impl Default for PoolSettings {
    fn default() -> Self {
        Self {
            max_failures: None,
            searches: true,
            searched_tier: 0,
        }
    }
}

/// A peer that would take segments of this stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    /// Who.
    pub peer: Peer,
    /// Peers of an earlier tier are asked first.
    pub tier: u8,
    /// Peers that are likely to fail together share one: the machine, the operator.
    pub domain: u64,
    /// Weight in the draw among peers; 1 for all where nothing else is known.
    pub weight: f64,
}

/// A segment to be served.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name.
    pub key: SegmentKey,
    /// How long it plays.
    pub duration: Duration,
    /// How long it is worth waiting for.
    pub patience: Duration,
    /// Our own look at it found nothing wrong. One peer alone is not believed that it is bad.
    pub sound: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// These peers would take segments, all of them named. Until the first such input segments
    /// wait; after it, one that nobody would take is given up at once.
    Offers {
        /// Who.
        offers: Vec<Offer>,
        /// How many there are in all, willing or not.
        known: usize,
    },
    /// A segment came in.
    Segment(Segment),
    /// An attempt is over.
    Finished {
        /// Which.
        attempt: AttemptId,
        /// How it went.
        end: AttemptEnd,
    },
    /// The operator wants another peer from the next segment on.
    Swap,
    /// No further segments. Those in hand are finished.
    Ended,
    /// Everything is dropped.
    Abandon,
    /// Time went by.
    Tick,
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// It brought what was asked for, checked.
    Done,
    /// It did not.
    Failed(Failure),
}

/// Why an attempt failed, as far as it matters for what is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The peer has no room: no fault of its own, and it may have some soon.
    Busy {
        /// Not before.
        retry_after: Duration,
    },
    /// The peer cannot serve this stream at all.
    Unusable,
    /// The peer did not answer, or not as it should.
    Broken,
    /// The peer sent something else than was bought and said it was that.
    Fraud,
    /// The peer says the segment itself is at fault.
    BadSegment,
}

/// What an attempt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// It is the first.
    First,
    /// Those before it failed.
    Retry,
    /// The one before it takes long.
    Hedge,
    /// A peer shows whether it works again.
    Probe,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send the segment there; [`Input::Finished`] tells how it went.
    Submit {
        /// The attempt.
        attempt: AttemptId,
        /// What to send.
        segment: SegmentKey,
        /// Where.
        peer: Peer,
        /// What for.
        purpose: Purpose,
    },
    /// Drop this attempt and tell nobody how it went.
    CallOff {
        /// Which.
        attempt: AttemptId,
    },
    /// A segment is over.
    Settle {
        /// Which.
        segment: SegmentKey,
        /// How it ended.
        outcome: Outcome,
    },
    /// Look for more peers; [`Input::Offers`] brings them.
    Search,
}

/// How a segment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This attempt's result is the one to publish.
    Delivered {
        /// Which.
        attempt: AttemptId,
        /// Whose.
        peer: Peer,
    },
    /// Nobody served it.
    GaveUp(GaveUp),
}

/// Why a segment was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GaveUp {
    /// Nobody could be asked.
    NoOrchestrators,
    /// The segment itself is at fault.
    BadSegment,
    /// As many attempts failed as may.
    Failed(Failure),
    /// Nobody waits for it any more.
    Deadline,
    /// More segments are in hand than one stream may have.
    TooMany,
    /// The stream was dropped.
    Stopped,
}

impl GaveUp {
    /// Stable name, for metrics and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoOrchestrators => "no-orchestrators",
            Self::BadSegment => "bad-segment",
            Self::Failed(_) => "failed",
            Self::Deadline => "deadline",
            Self::TooMany => "too-many",
            Self::Stopped => "stopped",
        }
    }
}
