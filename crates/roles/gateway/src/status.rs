//! How a stream is doing, for people: written by its task, read by the control API.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streamflow_admin::{
    AttemptView, SegmentCounts, SegmentView, StreamDetail, StreamView, WorkPath, rfc3339,
};
use streamflow_media::inspect::MediaInfo;

use crate::metrics::RECENT;

/// Latencies the quantiles look back on.
const LATENCIES: usize = 128;

/// Which door a stream came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Rtmp,
    Push,
}

/// A segment that is over.
#[derive(Clone, Debug)]
pub(crate) struct Settled {
    pub(crate) number: u64,
    pub(crate) duration: Duration,
    pub(crate) received_unix: Duration,
    pub(crate) latency: Duration,
    pub(crate) path: WorkPath,
    pub(crate) attempts: Vec<AttemptView>,
}

pub(crate) struct Status {
    id: String,
    door: Door,
    started_unix: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    resolution: Option<String>,
    fps: Option<f64>,
    profiles: Vec<String>,
    path: Option<WorkPath>,
    orchestrator: Option<String>,
    swaps: u64,
    counts: SegmentCounts,
    recent: VecDeque<SegmentView>,
    latencies: VecDeque<Duration>,
}

impl Status {
    pub(crate) fn new(id: &str, door: Door, started_unix: Duration) -> Self {
        Self {
            id: id.to_owned(),
            door,
            started_unix,
            state: Mutex::default(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether this orchestrator served it last.
    pub(crate) fn is_with(&self, orchestrator: &str) -> bool {
        self.state().orchestrator.as_deref() == Some(orchestrator)
    }

    pub(crate) fn door(&self) -> Door {
        self.door
    }

    pub(crate) fn started_unix(&self) -> Duration {
        self.started_unix
    }

    pub(crate) fn source(&self, info: &MediaInfo) {
        let Some(video) = info.video.as_ref().filter(|video| video.has_picture()) else {
            return;
        };
        let mut state = self.state();
        state.resolution = Some(format!("{}x{}", video.width, video.height));
        state.fps = video
            .frame_rate()
            .map(|(num, den)| f64::from(num) / f64::from(den.max(1)));
    }

    pub(crate) fn ladder(&self, profiles: Vec<String>) {
        self.state().profiles = profiles;
    }

    pub(crate) fn taken(&self) {
        self.state().counts.in_flight += 1;
    }

    /// The stream is with this orchestrator now. `true` when it was with another one before.
    pub(crate) fn served_by(&self, orchestrator: &str) -> bool {
        let mut state = self.state();
        let old = state.orchestrator.replace(orchestrator.to_owned());
        let is_swap = old.is_some_and(|old| old != orchestrator);
        state.swaps += u64::from(is_swap);
        is_swap
    }

    /// A segment is over. Gives the share of the last ones that succeeded.
    pub(crate) fn settled(&self, settled: Settled) -> f64 {
        let mut state = self.state();
        state.counts.in_flight = state.counts.in_flight.saturating_sub(1);
        match settled.path {
            WorkPath::Passthrough => state.counts.failed += 1,
            _ => {
                state.counts.succeeded += 1;
                push(&mut state.latencies, settled.latency, LATENCIES);
            }
        }
        state.path = Some(settled.path);
        let view = SegmentView {
            number: settled.number,
            duration_ms: millis(settled.duration),
            received_at: rfc3339(settled.received_unix),
            path: settled.path,
            attempts: settled.attempts,
        };
        push(&mut state.recent, view, RECENT);
        success_rate(&state.recent).unwrap_or(1.0)
    }

    pub(crate) fn view(&self, path: WorkPath, playback_url: Option<String>) -> StreamView {
        let state = self.state();
        let mut latencies: Vec<Duration> = state.latencies.iter().copied().collect();
        latencies.sort_unstable();
        StreamView {
            id: self.id.clone(),
            started_at: rfc3339(self.started_unix),
            ingest: match self.door {
                Door::Rtmp => "rtmp".to_owned(),
                Door::Push => "push".to_owned(),
            },
            resolution: state.resolution.clone(),
            fps: state.fps,
            profiles: state.profiles.clone(),
            path: state.path.unwrap_or(path),
            orchestrator: state.orchestrator.clone(),
            swaps: state.swaps,
            segments: state.counts,
            success_rate: success_rate(&state.recent),
            latency_p50_ms: quantile(&latencies, 50),
            latency_p95_ms: quantile(&latencies, 95),
            playback_url,
        }
    }

    pub(crate) fn detail(&self, path: WorkPath, playback_url: Option<String>) -> StreamDetail {
        let stream = self.view(path, playback_url);
        let recent = self.state().recent.iter().cloned().collect();
        StreamDetail { stream, recent }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // For people only: a count that is off by one after a panic does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(item);
}

fn success_rate(recent: &VecDeque<SegmentView>) -> Option<f64> {
    let good = recent
        .iter()
        .filter(|segment| segment.path != WorkPath::Passthrough)
        .count();
    (!recent.is_empty()).then(|| good as f64 / recent.len() as f64)
}

fn quantile(sorted: &[Duration], percent: usize) -> Option<u64> {
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().map(millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(number: u64, path: WorkPath) -> Settled {
        Settled {
            number,
            duration: Duration::from_secs(2),
            received_unix: Duration::ZERO,
            latency: Duration::from_millis(10 * (number + 1)),
            path,
            attempts: Vec::new(),
        }
    }

    #[test]
    fn a_view_looks_back_on_a_bounded_number_of_segments() {
        let status = Status::new("a", Door::Push, Duration::ZERO);
        for number in 0..100 {
            status.taken();
            let path = match number % 10 {
                0 => WorkPath::Passthrough,
                _ => WorkPath::Network,
            };
            status.settled(settled(number, path));
        }
        let detail = status.detail(WorkPath::Passthrough, None);
        assert_eq!(detail.recent.len(), RECENT);
        assert_eq!(detail.stream.success_rate, Some(0.9));
        assert_eq!(
            (
                detail.stream.segments.succeeded,
                detail.stream.segments.failed
            ),
            (90, 10)
        );
        assert_eq!(detail.stream.segments.in_flight, 0);
        assert_eq!(detail.stream.latency_p50_ms, Some(500));
        assert_eq!(detail.stream.path, WorkPath::Network);
    }

    #[test]
    fn a_change_of_orchestrator_is_a_swap_the_first_one_is_none() {
        let status = Status::new("a", Door::Rtmp, Duration::ZERO);
        let swaps = ["x", "x", "y", "x"].map(|name| status.served_by(name));
        assert_eq!(swaps, [false, false, true, true]);
        assert_eq!(status.view(WorkPath::Passthrough, None).swaps, 2);
    }
}
