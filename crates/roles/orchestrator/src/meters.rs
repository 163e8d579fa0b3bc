//! What an orchestrator counts, under the names operators' boards know.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use streamflow_runtime::Metrics;
use streamflow_types::{Pixels, Profile};

/// Bounds of times to transcode, in seconds.
const TIME_BOUNDS: &[f64] = &[
    0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0,
];

/// Bounds of source duration over time to transcode.
const SCORE_BOUNDS: &[f64] = &[
    0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0, 15.0, 20.0, 40.0,
];

/// Counts since the start.
#[derive(Clone, Debug)]
pub(crate) struct Meters {
    metrics: Metrics,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    in_flight: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    pixels: AtomicU64,
}

/// What has been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) in_flight: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) pixels: u64,
}

impl Meters {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        for name in [
            "livepeer_current_sessions_total",
            "livepeer_max_sessions_total",
            "livepeer_transcoders_number",
            "livepeer_transcoders_capacity",
            "livepeer_transcoders_load",
        ] {
            metrics.gauge(name, &[]).set(0.0);
        }
        Self {
            metrics: metrics.clone(),
            counts: Arc::default(),
        }
    }

    /// A request was refused before its segment came in.
    pub(crate) fn refused(&self, status: StatusCode) {
        let labels = [("status", status.as_str())];
        self.metrics
            .counter("streamflow_segments_refused_total", &labels)
            .increment();
    }

    /// A segment is being worked on.
    pub(crate) fn segment(&self, profiles: &[Profile]) -> SegmentMeter {
        self.counts.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut names: Vec<_> = profiles
            .iter()
            .map(|profile| profile.name.as_str())
            .collect();
        names.sort_unstable();
        SegmentMeter {
            meters: self.clone(),
            profiles: names.join(","),
            started: Instant::now(),
        }
    }

    /// What has been counted.
    pub(crate) fn totals(&self) -> Totals {
        let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Totals {
            in_flight: load(&self.counts.in_flight),
            succeeded: load(&self.counts.succeeded),
            failed: load(&self.counts.failed),
            pixels: load(&self.counts.pixels),
        }
    }

    /// Sessions and transcoders as they are now.
    pub(crate) fn standing(&self, sessions: usize, limit: u32, workers: [u64; 3]) {
        let set = |name, value: u64| self.metrics.gauge(name, &[]).set(value as f64);
        set("livepeer_current_sessions_total", sessions as u64);
        set("livepeer_max_sessions_total", u64::from(limit));
        set("livepeer_transcoders_number", workers[0]);
        set("livepeer_transcoders_capacity", workers[1]);
        set("livepeer_transcoders_load", workers[2]);
    }
}

/// One segment being worked on; no longer when dropped.
pub(crate) struct SegmentMeter {
    meters: Meters,
    profiles: String,
    started: Instant,
}

impl SegmentMeter {
    pub(crate) fn succeeded(&self, pixels: Pixels, duration: Duration) {
        let counts = &self.meters.counts;
        counts.succeeded.fetch_add(1, Ordering::Relaxed);
        counts.pixels.fetch_add(pixels.0, Ordering::Relaxed);
        let labels = [
            ("profiles", self.profiles.as_str()),
            ("trusted", "trusted"),
            ("verified", "verified"),
        ];
        let metrics = &self.meters.metrics;
        metrics
            .counter("livepeer_segment_transcoded_total", &labels)
            .increment();
        metrics
            .counter("livepeer_mil_pixels_processed", &[])
            .add(pixels.0 as f64 / 1e6);
        let took = self.started.elapsed().as_secs_f64();
        metrics
            .histogram("livepeer_transcode_time_seconds", TIME_BOUNDS, &labels)
            .record(took);
        let score = duration.as_secs_f64() / took.max(0.001);
        metrics
            .histogram("livepeer_transcode_score", SCORE_BOUNDS, &labels)
            .record(score);
    }

    pub(crate) fn failed(&self) {
        self.meters.counts.failed.fetch_add(1, Ordering::Relaxed);
        let labels = [("error_code", "Transcode")];
        let name = "livepeer_segment_transcode_failed_total";
        self.meters.metrics.counter(name, &labels).increment();
    }
}

impl Drop for SegmentMeter {
    fn drop(&mut self) {
        self.meters.counts.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
