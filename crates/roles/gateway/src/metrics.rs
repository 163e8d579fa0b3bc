//! What a gateway counts, under the names boards of the network know.

use std::time::Duration;

use streamflow_runtime::{Counter, Gauge, Histogram, Metrics};
use streamflow_types::Profile;

/// Segments the success rate looks back on.
pub(crate) const RECENT: usize = 30;

const TRANSCODE_TIME: [f64; 15] = [
    0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0,
];
const OVERALL: [f64; 13] = [
    0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0,
];
const SCORE: [f64; 15] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0, 15.0, 20.0, 40.0,
];
const TRANSFER: [f64; 10] = [0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0];
const SOURCE_DURATION: [f64; 14] = [
    0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 10.0, 15.0, 20.0,
];
const WEBHOOK: [f64; 12] = [
    0.0, 100.0, 250.0, 500.0, 750.0, 1_000.0, 1_500.0, 2_000.0, 2_500.0, 3_000.0, 5_000.0, 10_000.0,
];
const RATIO: [f64; 8] = [0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 50.0, 100.0];

/// The counts of the whole gateway.
#[derive(Clone)]
pub(crate) struct NodeMetrics {
    metrics: Metrics,
    per_stream: bool,
    client_ip: bool,
    pub(crate) created: Counter,
    pub(crate) started: Counter,
    pub(crate) ended: Counter,
    pub(crate) sessions: Gauge,
    pub(crate) success_rate: Gauge,
    pub(crate) webhook: Histogram,
}

impl NodeMetrics {
    pub(crate) fn new(
        metrics: &Metrics,
        max_streams: usize,
        per_stream: bool,
        client_ip: bool,
    ) -> Self {
        let metrics = metrics.clone();
        metrics
            .gauge("livepeer_max_sessions_total", &[])
            .set(max_streams as f64);
        Self {
            created: metrics.counter("livepeer_stream_created_total", &[]),
            started: metrics.counter("livepeer_stream_started_total", &[]),
            ended: metrics.counter("livepeer_stream_ended_total", &[]),
            sessions: metrics.gauge("livepeer_current_sessions_total", &[]),
            success_rate: metrics.gauge("livepeer_success_rate", &[]),
            webhook: metrics.histogram("livepeer_auth_webhook_time_milliseconds", &WEBHOOK, &[]),
            per_stream: per_stream || client_ip,
            client_ip,
            metrics,
        }
    }

    /// The counts of one stream.
    pub(crate) fn stream(&self, manifest: &str, client: Option<&str>) -> StreamMetrics {
        let m = match self.per_stream {
            true => self.metrics.with_labels(&[("manifest_id", manifest)]),
            false => self.metrics.clone(),
        };
        let ip = match self.client_ip {
            true => m.with_labels(&[("client_ip", client.unwrap_or("not_tracked"))]),
            false => m.clone(),
        };
        StreamMetrics {
            base: self.metrics.clone(),
            m,
            ip,
        }
    }

    /// Drops the counts of a stream that ended.
    pub(crate) fn forget(&self, manifest: &str) {
        if self.per_stream {
            self.metrics.forget("manifest_id", manifest);
        }
    }

    /// An orchestrator did not offer anything.
    pub(crate) fn discovery_error(&self, code: &str, orchestrator: &str) {
        let labels = [("error_code", code), ("orchestrator_uri", orchestrator)];
        self.metrics
            .counter("livepeer_discovery_errors_total", &labels)
            .increment();
    }
}

/// The counts of one stream.
#[derive(Clone)]
pub(crate) struct StreamMetrics {
    base: Metrics,
    m: Metrics,
    ip: Metrics,
}

/// Whose result is counted.
pub(crate) struct Maker<'a> {
    pub(crate) uri: &'a str,
    pub(crate) address: &'a str,
    pub(crate) version: &'a str,
}

impl StreamMetrics {
    /// A source segment came.
    pub(crate) fn arrived(&self, duration: Duration) {
        self.ip
            .counter("livepeer_segment_source_emerged_unprocessed_total", &[])
            .increment();
        let bounds = &SOURCE_DURATION;
        self.m
            .histogram("livepeer_source_segment_duration_seconds", bounds, &[])
            .record(duration.as_secs_f64());
    }

    /// A source segment stands in its playlist.
    pub(crate) fn source_appeared(&self) {
        let labels = [("profile", "source"), ("seg_type", "regular")];
        self.m
            .counter("livepeer_segment_source_appeared_total", &labels)
            .increment();
    }

    /// A segment is over, whatever came of it.
    pub(crate) fn emerged(&self) {
        self.m
            .counter("livepeer_segment_source_emerged_total", &[])
            .increment();
    }

    /// A segment was taken in by an orchestrator.
    pub(crate) fn uploaded(&self, uri: &str, took: Duration) {
        let labels = [("orchestrator_uri", uri)];
        self.m
            .counter("livepeer_segment_source_uploaded_total", &labels)
            .increment();
        self.base
            .histogram("livepeer_upload_time_seconds", &TRANSFER, &labels)
            .record(took.as_secs_f64());
    }

    /// A segment was not.
    pub(crate) fn upload_failed(&self, uri: &str, code: &str) {
        let labels = [("error_code", code), ("orchestrator_uri", uri)];
        self.m
            .counter("livepeer_segment_source_upload_failed_total", &labels)
            .increment();
    }

    /// Renditions were fetched.
    pub(crate) fn downloaded(&self, number: usize, took: Duration) {
        let counter = self
            .m
            .counter("livepeer_segment_transcoded_downloaded_total", &[]);
        counter.add(number as f64);
        self.m
            .histogram("livepeer_download_time_seconds", &TRANSFER, &[])
            .record(took.as_secs_f64());
    }

    /// A segment has all its renditions.
    pub(crate) fn transcoded(
        &self,
        maker: &Maker<'_>,
        profiles: &str,
        took: Duration,
        duration: Duration,
        pixels: u64,
    ) {
        let kinds = [
            ("profiles", profiles),
            ("trusted", "trusted"),
            ("verified", "verified"),
        ];
        self.base
            .counter("livepeer_segment_transcoded_total", &kinds)
            .increment();
        let seconds = took.as_secs_f64();
        self.base
            .histogram("livepeer_transcode_time_seconds", &TRANSCODE_TIME, &kinds)
            .record(seconds);
        let score = duration.as_secs_f64() / seconds.max(0.001);
        self.base
            .histogram("livepeer_transcode_score", &SCORE, &kinds)
            .record(score);
        let makers = [
            ("orchestrator_uri", maker.uri),
            ("orchestrator_address", maker.address),
            ("orchestrator_version", maker.version),
        ];
        let made = [makers[0], makers[1], makers[2], ("profiles", profiles)];
        self.m
            .counter("livepeer_segment_transcoded_unprocessed_total", &made)
            .increment();
        self.m
            .counter("livepeer_segment_transcoded_all_appeared_total", &made)
            .increment();
        self.base
            .histogram(
                "livepeer_transcode_overall_latency_seconds",
                &OVERALL,
                &made,
            )
            .record(seconds);
        self.ip
            .counter("livepeer_mil_pixels_processed", &[])
            .add(pixels as f64 / 1e6);
    }

    /// A segment, or an attempt for it, failed.
    pub(crate) fn failed(&self, code: &str) {
        let labels = [("error_code", code)];
        self.m
            .counter("livepeer_segment_transcode_failed_total", &labels)
            .increment();
    }

    /// An attempt after the first began.
    pub(crate) fn retried(&self, attempt: usize) {
        let label = if attempt > 10 {
            ">10".to_owned()
        } else {
            attempt.to_string()
        };
        self.m
            .counter("livepeer_transcode_retried", &[("try", &label)])
            .increment();
    }

    /// Another orchestrator serves the stream.
    pub(crate) fn swapped(&self) {
        self.m
            .counter("livepeer_orchestrator_swaps", &[])
            .increment();
    }

    /// A hedge was started.
    pub(crate) fn hedged(&self) {
        self.m.counter("streamflow_hedges_total", &[]).increment();
    }

    /// Attempts ended like this.
    pub(crate) fn settled(&self, outcome: &'static str) {
        self.m
            .counter("streamflow_segments_total", &[("outcome", outcome)])
            .increment();
    }

    /// Share of the last segments that succeeded.
    pub(crate) fn success_rate(&self, rate: f64) {
        self.m
            .gauge("livepeer_success_rate_per_stream", &[])
            .set(rate);
    }

    /// The client of a pushed segment was gone before there was an answer.
    pub(crate) fn client_left_before(&self) {
        self.ip
            .counter("livepeer_http_client_timeout_1", &[])
            .increment();
    }

    /// The client of a pushed segment left in the middle of the answer.
    pub(crate) fn client_left_within(&self) {
        self.ip
            .counter("livepeer_http_client_timeout_2", &[])
            .increment();
    }

    /// A pushed segment was answered.
    pub(crate) fn answered(&self, duration: Duration, took: Duration) {
        let ratio = duration.as_secs_f64() / took.as_secs_f64().max(0.001);
        self.ip
            .histogram(
                "livepeer_http_client_segment_transcoded_realtime_ratio",
                &RATIO,
                &[],
            )
            .record(ratio);
        let name = match ratio {
            ratio if ratio > 3.0 => "livepeer_http_client_segment_transcoded_realtime_3x",
            ratio if ratio > 2.0 => "livepeer_http_client_segment_transcoded_realtime_2x",
            ratio if ratio > 1.0 => "livepeer_http_client_segment_transcoded_realtime_1x",
            ratio if ratio > 0.5 => "livepeer_http_client_segment_transcoded_realtime_half",
            _ => "livepeer_http_client_segment_transcoded_realtime_slow",
        };
        self.ip.counter(name, &[]).increment();
    }
}

/// Names of profiles as boards know them: sorted, with commas between.
pub(crate) fn profile_names(profiles: &[Profile]) -> String {
    let mut names: Vec<&str> = profiles
        .iter()
        .map(|profile| profile.name.as_str())
        .collect();
    names.sort_unstable();
    names.join(",")
}
