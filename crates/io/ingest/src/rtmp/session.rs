//! One accepted stream: frames in, segments handed over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use streamflow_media::flv::{AudioTag, AudioTrack, FlvError, VideoTag, VideoTrack};
use streamflow_media::segmenter::{SegmentError, Segmenter, Settings};
use streamflow_rtmp::Media;
use streamflow_runtime::Clock;
use streamflow_types::{ManifestId, SegmentNumber, SourceSegment};
use tokio::sync::mpsc;

use super::{Limits, PublishHandle};

/// Frames that could not be read before the stream is given up.
const MAX_MALFORMED: u32 = 100;

/// Segment lengths in which one segment must be complete.
const MAX_TARGETS: u32 = 10;

/// Why a stream ends from our side. The publisher reads the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SessionError {
    /// A codec that is not carried.
    #[error(transparent)]
    Format(#[from] FlvError),
    /// No place to cut.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// No segment was complete in time.
    #[error("no segment was complete within {} s: set the key frame interval below 8 s", .0.as_secs())]
    Late(Duration),
    /// Nobody took a segment in time. It is lost, and so the stream ends.
    #[error("segment {0} was not taken in time: this gateway is overloaded")]
    NotTaken(SegmentNumber),
    /// Whoever took the segments wants no more.
    #[error("the stream was ended by the gateway")]
    Unwanted,
}

/// An accepted stream.
pub(super) struct Session {
    manifest: ManifestId,
    segments: mpsc::Sender<SourceSegment>,
    segmenter: Segmenter,
    video: VideoTrack,
    audio: AudioTrack,
    malformed: u32,
    clock: Arc<dyn Clock>,
    handover: Duration,
    patience: Duration,
    deadline: Instant,
}

impl Session {
    pub(super) fn new(handle: PublishHandle, limits: &Limits, clock: Arc<dyn Clock>) -> Self {
        let settings = Settings {
            target: limits.segment,
            max_bytes: limits.segment_bytes,
        };
        let patience = limits.segment.saturating_mul(MAX_TARGETS);
        Self {
            segmenter: Segmenter::new(settings, handle.manifest.clone(), handle.next),
            manifest: handle.manifest,
            segments: handle.segments,
            video: VideoTrack::default(),
            audio: AudioTrack::default(),
            malformed: 0,
            handover: limits.handover,
            patience,
            deadline: clock.now() + patience,
            clock,
        }
    }

    pub(super) const fn manifest(&self) -> &ManifestId {
        &self.manifest
    }

    /// When the next segment must be complete.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The error of a segment that was not complete in time.
    pub(super) fn late(&self, now: Instant) -> Option<SessionError> {
        (now >= self.deadline).then_some(SessionError::Late(self.patience))
    }

    /// Returns when whoever took the segments wants no more.
    pub(super) async fn unwanted(&self) {
        self.segments.closed().await;
    }

    /// Takes in a frame and hands over the segment it ends.
    pub(super) async fn take(&mut self, media: Media) -> Result<(), SessionError> {
        let finished = match media {
            Media::Video { timestamp, payload } => match self.video.read(&payload) {
                Ok(VideoTag::Format(format)) => {
                    self.segmenter.video_format(format);
                    None
                }
                Ok(VideoTag::Picture {
                    key,
                    composition_ms,
                    data,
                }) => self.segmenter.video(timestamp, composition_ms, key, data)?,
                Ok(VideoTag::Nothing) => None,
                Err(error) => return self.tolerate(error),
            },
            Media::Audio { timestamp, payload } => match self.audio.read(&payload) {
                Ok(AudioTag::Format(format)) => {
                    self.segmenter.audio_format(format);
                    None
                }
                Ok(AudioTag::FormatAndFrame(format, frame)) => {
                    self.segmenter.audio_format(format);
                    self.segmenter.audio(timestamp, frame)?
                }
                Ok(AudioTag::Frame(frame)) => self.segmenter.audio(timestamp, frame)?,
                Ok(AudioTag::Nothing) => None,
                Err(error) => return self.tolerate(error),
            },
            // The frames themselves say all that is needed.
            Media::Metadata(_) => None,
        };
        match finished {
            Some(segment) => self.hand_over(segment).await,
            None => Ok(()),
        }
    }

    /// The publisher is gone, or is sent away: hands over what is there.
    pub(super) async fn end(mut self) {
        let last = self.segmenter.finish();
        if let Some(segment) = last
            && !self.segments.is_closed()
            && let Err(error) = self.hand_over(segment).await
        {
            tracing::warn!(manifestID = %self.manifest, %error, "the last segment is lost");
        }
        let facts = self.segmenter.facts();
        tracing::info!(
            manifestID = %self.manifest,
            segments = %self.segmenter.next_number(),
            pictures = facts.pictures,
            sound_frames = facts.sound_frames,
            undecodable = facts.undecodable,
            repaired_times = facts.repaired,
            malformed = self.malformed,
            "publisher left"
        );
    }

    /// Waits until the segment is taken. The publisher is not read meanwhile, so it is held back.
    async fn hand_over(&mut self, segment: SourceSegment) -> Result<(), SessionError> {
        let number = segment.number;
        tracing::debug!(
            manifestID = %self.manifest,
            seqNo = %number,
            bytes = segment.bytes.len(),
            duration_ms = segment.duration.as_millis(),
            "segment complete"
        );
        tokio::select! {
            biased;
            taken = self.segments.send(segment) => taken.map_err(|_| SessionError::Unwanted)?,
            () = self.clock.sleep(self.handover) => return Err(SessionError::NotTaken(number)),
        }
        self.deadline = self.clock.now() + self.patience;
        Ok(())
    }

    /// A frame that cannot be read is skipped, unless it is no accident.
    fn tolerate(&mut self, error: FlvError) -> Result<(), SessionError> {
        self.malformed += 1;
        if !matches!(error, FlvError::Malformed(_)) || self.malformed > MAX_MALFORMED {
            return Err(error.into());
        }
        tracing::warn!(manifestID = %self.manifest, %error, "frame skipped");
        Ok(())
    }
}
