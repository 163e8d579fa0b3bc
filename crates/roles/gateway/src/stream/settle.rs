//! A segment is over: its renditions are published and answered, or its place becomes a gap.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use streamflow_admin::WorkPath;
use streamflow_ingest::{PushAnswer, PushError, PushedBody, PushedRendition};
use streamflow_media::inspect::MediaInfo;
use streamflow_playback::{DeliveryPath, Facts, Place, PublishError, RenditionToPublish};
use streamflow_sessions::{Failure, GaveUp, Outcome};
use streamflow_types::TranscodeFailure;

use super::order::{InHand, answer};
use super::{AttemptId, Checked, Peer, SegmentKey, Stream};
use crate::local::LOCAL;
use crate::metrics::{Maker, profile_names};
use crate::status::Settled;

impl Stream {
    /// Publishes and answers what the pool decided.
    pub(super) async fn settle(&mut self, key: SegmentKey, outcome: Outcome) {
        let Some(in_hand) = self.in_hand.remove(&key) else {
            return;
        };
        self.node.totals.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.metrics.emerged();
        match outcome {
            Outcome::Delivered { attempt, peer } => self.deliver(in_hand, attempt, &peer).await,
            Outcome::GaveUp(reason) => self.give_up(in_hand, &reason).await,
        }
    }

    async fn deliver(&mut self, mut in_hand: InHand, attempt: AttemptId, peer: &Peer) {
        let Some(checked) = self.result_of(attempt) else {
            debug_assert!(false, "the pool delivers only what just came in");
            self.give_up(in_hand, &GaveUp::Stopped).await;
            return;
        };
        let order = in_hand.order.clone();
        let names = order.profiles.iter().map(|profile| profile.name.as_str());
        let renditions: Vec<RenditionToPublish> = names
            .zip(&checked)
            .map(|(name, made)| rendition(name, made.bytes.clone(), &made.info))
            .collect();
        let reply = in_hand.reply.take();
        let is_push = reply.is_some();
        answer(reply, Ok(pushed(&renditions)));
        let is_local = peer.as_str() == LOCAL;
        let way = if is_local {
            DeliveryPath::Local
        } else {
            DeliveryPath::Network
        };
        if let Some(place) = in_hand.place {
            self.publish(place, way, renditions).await;
        }
        if is_push {
            let took = self
                .node
                .clock
                .now()
                .saturating_duration_since(in_hand.received);
            self.metrics.answered(order.duration, took);
        }
        self.count(&in_hand, &checked, peer);
        if !is_local && self.status.served_by(peer.as_str()) {
            self.metrics.swapped();
        }
        let path = if is_local {
            WorkPath::Local
        } else {
            WorkPath::Network
        };
        self.metrics
            .settled(if is_local { "local" } else { "network" });
        self.note_settled(in_hand, path);
    }

    async fn give_up(&mut self, mut in_hand: InHand, reason: &GaveUp) {
        let code = match reason {
            GaveUp::NoOrchestrators => "NoOrchestrators",
            GaveUp::BadSegment => "NonRetryable",
            GaveUp::Failed(_) => "MaxAttempts",
            GaveUp::Deadline => "LostSegment",
            GaveUp::TooMany | GaveUp::Stopped => "SessionEnded",
        };
        self.metrics.failed(code);
        self.metrics.settled(reason.name());
        tracing::debug!(
            manifestID = %self.setup.manifest, seqNo = in_hand.order.number.0,
            reason = reason.name(), last = in_hand.code, "segment has no renditions"
        );
        let failure = in_hand.failure.clone();
        answer(in_hand.reply.take(), Err(of_reason(reason, failure)));
        if let Some(place) = in_hand.place {
            self.publish_gap(place).await;
        }
        self.note_settled(in_hand, WorkPath::Passthrough);
    }

    fn count(&self, in_hand: &InHand, checked: &[Checked], peer: &Peer) {
        let pixels: u64 = checked.iter().map(|made| made.pixels.0).sum();
        self.node.totals.pixels.fetch_add(pixels, Ordering::Relaxed);
        let session = self.sessions.get(peer);
        let address = session
            .map(|session| session.info.address.to_string())
            .unwrap_or_default();
        let capabilities = session.and_then(|session| session.info.capabilities.as_ref());
        let maker = Maker {
            uri: peer.as_str(),
            address: &address,
            version: capabilities.map_or("", |capabilities| &capabilities.version),
        };
        let took = self
            .node
            .clock
            .now()
            .saturating_duration_since(in_hand.received);
        let names = profile_names(&in_hand.order.profiles);
        self.metrics
            .transcoded(&maker, &names, took, in_hand.order.duration, pixels);
    }

    fn note_settled(&mut self, in_hand: InHand, path: WorkPath) {
        self.tell_change(path, in_hand.code);
        let totals = &self.node.totals;
        match path {
            WorkPath::Passthrough => totals.failed.fetch_add(1, Ordering::Relaxed),
            _ => totals.succeeded.fetch_add(1, Ordering::Relaxed),
        };
        let rate = self.status.settled(Settled {
            number: in_hand.order.number.0,
            duration: in_hand.order.duration,
            received_unix: in_hand.received_unix,
            latency: self
                .node
                .clock
                .now()
                .saturating_duration_since(in_hand.received),
            path,
            attempts: in_hand.attempts,
        });
        self.metrics.success_rate(rate);
        self.node.metrics.success_rate.set(rate);
    }

    /// A stream goes down its chain and up again; that is said once for each step.
    fn tell_change(&mut self, path: WorkPath, cause: &'static str) {
        let old = self.path.replace(path);
        let manifest = &self.setup.manifest;
        match (old, path) {
            (Some(old), new) if old == new => {}
            (None, WorkPath::Network) => {}
            (_, WorkPath::Network) => {
                tracing::info!(manifestID = %manifest, "stream is transcoded by the network again");
            }
            (_, WorkPath::Local) if self.node.uses_network() => {
                tracing::warn!(manifestID = %manifest, cause, "stream is transcoded here");
            }
            (_, WorkPath::Local) => {}
            (_, WorkPath::Passthrough) => {
                tracing::warn!(manifestID = %manifest, cause, "stream has its source only");
            }
        }
    }

    /// All renditions at once; where that fails, a gap.
    pub(super) async fn publish(
        &self,
        place: Place,
        way: DeliveryPath,
        renditions: Vec<RenditionToPublish>,
    ) {
        let library = &self.node.library;
        match library
            .publish_renditions(&self.setup.manifest, place, way, renditions)
            .await
        {
            Ok(()) => {}
            // Viewers have gone past it.
            Err(PublishError::UnknownPlace | PublishError::UnknownStream(_)) => {}
            Err(error) => {
                tracing::warn!(manifestID = %self.setup.manifest, %error, "renditions not published");
                self.publish_gap(place).await;
            }
        }
    }

    pub(super) async fn publish_gap(&self, place: Place) {
        if let Err(error) = self
            .node
            .library
            .publish_gap(&self.setup.manifest, place)
            .await
        {
            tracing::debug!(manifestID = %self.setup.manifest, %error, "no gap to publish");
        }
    }
}

/// One rendition as viewers get it.
pub(super) fn rendition(profile: &str, bytes: Bytes, info: &MediaInfo) -> RenditionToPublish {
    RenditionToPublish {
        profile: profile.to_owned(),
        container: info.container,
        bytes,
        facts: Some(Facts::from(info)),
    }
}

/// Renditions as whoever pushed gets them: the same bytes, not copied.
pub(super) fn pushed(renditions: &[RenditionToPublish]) -> PushAnswer {
    let each = renditions.iter().map(|rendition| PushedRendition {
        profile: rendition.profile.clone(),
        container: rendition.container,
        body: PushedBody::Bytes(rendition.bytes.clone()),
    });
    PushAnswer::Renditions(each.collect())
}

fn of_reason(reason: &GaveUp, failure: Option<TranscodeFailure>) -> PushError {
    let named = || failure.unwrap_or(TranscodeFailure::InvalidVideo);
    match reason {
        GaveUp::BadSegment => PushError::BadSegment(named()),
        GaveUp::Failed(Failure::Broken | Failure::Fraud) => PushError::Failed(
            TranscodeFailure::Other("hit max transcode attempts".to_owned()),
        ),
        _ => PushError::NoSessions,
    }
}
