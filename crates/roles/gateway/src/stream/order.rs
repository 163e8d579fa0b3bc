//! A segment comes in: looked at, published as it is, and handed to the pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use streamflow_admin::AttemptView;
use streamflow_ingest::{PushAnswer, PushError};
use streamflow_media::inspect::{InputFormat, MediaInfo, inspect};
use streamflow_media::ladder::{LadderOptions, SourceFacts, auto};
use streamflow_playback::{DeliveryPath, Facts, Place, RenditionToPublish};
use streamflow_sessions::{Input, Peer, Segment, SegmentKey};
use streamflow_types::{Codec, Profile, SourceSegment, TranscodeFailure};
use streamflow_wire::capability::{Capabilities, InputFacts, PixelFormat, job_capabilities};
use streamflow_wire::signature::keccak;
use tokio::sync::OwnedSemaphorePermit;

use super::settle::rendition;
use super::{Incoming, Reply, Stream};
use crate::submit::Order;
use crate::verify::Mismatch;

/// A segment is worth waiting for three times as long as it plays, and this long at least.
const PATIENCE_FACTOR: u32 = 3;
const PATIENCE_FLOOR: Duration = Duration::from_secs(6);

/// What decides whether an encoder can go on with the next segment.
pub(super) type Look = (Option<InputFormat>, u32, u32);

/// A segment the pool decides about.
pub(super) struct InHand {
    pub(super) order: Arc<Order>,
    /// Its place in the playlists, once it is listed there.
    pub(super) place: Option<Place>,
    pub(super) reply: Option<Reply>,
    pub(super) received: Instant,
    pub(super) received_unix: Duration,
    pub(super) patience: Duration,
    pub(super) attempts: Vec<AttemptView>,
    pub(super) begun: usize,
    /// Who found what that the source's headers do not promise; at most one entry an attempt.
    pub(super) doubts: Vec<(Peer, Vec<Option<Mismatch>>)>,
    /// What the latest failed attempt said of the segment.
    pub(super) failure: Option<TranscodeFailure>,
    pub(super) code: &'static str,
    pub(super) _held: Option<OwnedSemaphorePermit>,
}

impl Stream {
    /// Takes a segment in.
    pub(super) async fn take(&mut self, incoming: Incoming) {
        let Incoming {
            mut segment,
            keccak: known,
            slice,
            reinit,
            reply,
            held,
        } = incoming;
        segment.manifest = self.setup.manifest.clone();
        self.metrics.arrived(segment.duration);
        let info = match inspect(&segment.bytes) {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(
                    manifestID = %self.setup.manifest, seqNo = segment.number.0, %error,
                    "segment cannot be read"
                );
                self.pass_on(&segment, None, reply, TranscodeFailure::InvalidVideo)
                    .await;
                return;
            }
        };
        segment.container = info.container;
        self.status.source(&info);
        self.settle_ladder(&info).await;
        if info.is_zero_video() {
            self.copy(&segment, &info, reply).await;
            return;
        }
        let ladder = self.ladder.clone().unwrap_or_default();
        let capabilities = match self.capabilities(&info, &ladder, slice.is_some()) {
            Ok(capabilities) => capabilities,
            Err(failure) => {
                self.pass_on(&segment, Some(&info), reply, failure).await;
                return;
            }
        };
        if ladder.is_empty() {
            let place = self.publish_source(&segment, Some(&info)).await;
            self.publish_nothing(place).await;
            answer(reply, Ok(PushAnswer::NoOutputs));
            return;
        }
        let look = look(&info);
        let changed = self.look.replace(look).is_some_and(|old| old != look);
        let order = Order {
            manifest: self.setup.manifest.clone(),
            number: segment.number,
            duration: segment.duration,
            hash: known.unwrap_or_else(|| keccak(&segment.bytes)),
            bytes: segment.bytes.clone(),
            profiles: contained(&ladder, &info),
            source: info.clone(),
            capabilities,
            slice,
            reinit: reinit || changed || self.setup.force_session_reinit,
            timeout_multiplier: self.setup.timeout_multiplier,
        };
        let key = self.hand_over(order, reply, held);
        // The segment is on its way before it is listed: storing it takes longer than sending it off.
        self.perform().await;
        self.list(key, &segment, &info).await;
    }

    /// Lists the source of a segment that is on its way.
    async fn list(&mut self, key: SegmentKey, segment: &SourceSegment, info: &MediaInfo) {
        let Some(place) = self.publish_source(segment, Some(info)).await else {
            return;
        };
        match self.in_hand.get_mut(&key) {
            Some(in_hand) => in_hand.place = Some(place),
            // Nobody takes it, and that was clear at once.
            None => self.publish_gap(place).await,
        }
    }

    fn hand_over(
        &mut self,
        order: Order,
        reply: Option<Reply>,
        held: Option<OwnedSemaphorePermit>,
    ) -> SegmentKey {
        let key = SegmentKey(self.next_key);
        self.next_key += 1;
        let patience = order
            .duration
            .saturating_mul(PATIENCE_FACTOR)
            .max(PATIENCE_FLOOR);
        let patience = patience.saturating_mul(order.timeout_multiplier);
        let segment = Segment {
            key,
            duration: order.duration,
            patience,
            sound: is_sound(&order.source),
        };
        let in_hand = InHand {
            order: Arc::new(order),
            place: None,
            reply,
            received: self.node.clock.now(),
            received_unix: self.node.clock.unix(),
            patience,
            attempts: Vec::new(),
            begun: 0,
            doubts: Vec::new(),
            failure: None,
            code: "NoOrchestrators",
            _held: held,
        };
        self.status.taken();
        self.node
            .totals
            .in_flight
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.in_hand.insert(key, in_hand);
        self.begin_first_search(key);
        self.feed(Input::Segment(segment));
        key
    }

    /// The ladder of a stream that leaves it to its source.
    async fn settle_ladder(&mut self, info: &MediaInfo) {
        if self.ladder.is_some() {
            return;
        }
        // Without a picture yet, the next segment may tell.
        let Ok(facts) = SourceFacts::of(info) else {
            return;
        };
        let Ok(profiles) = auto(facts, LadderOptions::default()) else {
            return;
        };
        if let Err(error) = self
            .node
            .library
            .open_stream(&self.setup.manifest, &profiles)
            .await
        {
            tracing::error!(manifestID = %self.setup.manifest, %error, "the ladder cannot be shown");
        }
        self.ladder = Some(Arc::new(profiles));
        self.show_ladder();
    }

    fn capabilities(
        &self,
        info: &MediaInfo,
        ladder: &[Profile],
        is_sliced: bool,
    ) -> Result<Capabilities, TranscodeFailure> {
        let format = info
            .input_format()
            .ok_or(TranscodeFailure::UnsupportedCodec)?;
        let input = InputFacts {
            codec: format.codec,
            pixel_format: (format.codec == Codec::H264).then(|| PixelFormat {
                chroma: format.chroma,
                color_depth: format.bit_depth.saturating_sub(8),
            }),
            is_sliced,
            ..InputFacts::default()
        };
        let profiles = contained(ladder, info);
        let set = job_capabilities(&input, &profiles)
            .map_err(|_| TranscodeFailure::UnsupportedPixelFormat)?;
        let mut capabilities = Capabilities::of_job(set);
        capabilities.min_version = self.node.config.min_version.clone().unwrap_or_default();
        Ok(capabilities)
    }

    /// Lists the source. Without a place its renditions are only for whoever asked.
    async fn publish_source(
        &self,
        segment: &SourceSegment,
        info: Option<&MediaInfo>,
    ) -> Option<Place> {
        let facts = info.map(Facts::from);
        match self
            .node
            .library
            .publish_source(segment, facts.as_ref())
            .await
        {
            Ok(published) => {
                self.metrics.source_appeared();
                Some(published.place)
            }
            Err(error) => {
                tracing::warn!(
                    manifestID = %self.setup.manifest, seqNo = segment.number.0, %error,
                    "source not published"
                );
                None
            }
        }
    }

    /// Nobody can work on this segment: viewers get it as it is.
    async fn pass_on(
        &self,
        segment: &SourceSegment,
        info: Option<&MediaInfo>,
        reply: Option<Reply>,
        failure: TranscodeFailure,
    ) {
        if let Some(place) = self.publish_source(segment, info).await {
            self.publish_gap(place).await;
        }
        self.metrics.failed("NonRetryable");
        self.metrics.settled("bad-segment");
        answer(reply, Err(PushError::BadSegment(failure)));
    }

    /// A segment without a picture is its own rendition.
    async fn copy(&self, segment: &SourceSegment, info: &MediaInfo, reply: Option<Reply>) {
        let place = self.publish_source(segment, Some(info)).await;
        let ladder = self.ladder.clone().unwrap_or_default();
        let copies: Vec<RenditionToPublish> = ladder
            .iter()
            .map(|profile| rendition(&profile.name, segment.bytes.clone(), info))
            .collect();
        answer(reply, Ok(super::settle::pushed(&copies)));
        if let Some(place) = place {
            self.publish(place, DeliveryPath::Source, copies).await;
        }
    }

    async fn publish_nothing(&self, place: Option<Place>) {
        if let Some(place) = place {
            self.publish(place, DeliveryPath::Source, Vec::new()).await;
        }
    }
}

/// Tells whoever waits; it may have left.
pub(super) fn answer(reply: Option<Reply>, result: Result<PushAnswer, PushError>) {
    if let Some(reply) = reply {
        let _ = reply.send(result);
    }
}

/// The ladder with every container named: renditions without one follow their source.
fn contained(ladder: &[Profile], info: &MediaInfo) -> Arc<Vec<Profile>> {
    let each = ladder.iter().cloned().map(|mut profile| {
        profile.container.get_or_insert(info.container);
        profile
    });
    Arc::new(each.collect())
}

/// Whether a segment looks as every decoder takes it.
fn is_sound(info: &MediaInfo) -> bool {
    let video = info.video.as_ref();
    let whole = info.transport.is_none_or(|transport| {
        transport.continuity_errors == 0 && transport.lost_bytes == 0 && transport.scrambled == 0
    });
    whole && video.is_some_and(|video| video.has_picture() && video.starts_with_key())
}

fn look(info: &MediaInfo) -> Look {
    let size = info
        .video
        .as_ref()
        .map_or((0, 0), |video| (video.width, video.height));
    (info.input_format(), size.0, size.1)
}
