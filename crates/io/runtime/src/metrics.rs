//! Counters, gauges and histograms of one process, rendered as Prometheus text.
//!
//! Not global: a [`Metrics`] is made in `bin` and handed to every role. Memory is bounded whoever
//! scrapes or does not: histograms are buckets, never samples, and the series of one name are
//! limited; what exceeds the limit lands in one series whose label values are `other`.

mod registry;
mod render;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use registry::{Kind, Registry, Series};

/// Labels of one series, in the order they are printed.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// The metrics of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    registry: Arc<Registry>,
    base: Arc<Vec<(&'static str, String)>>,
}

impl Metrics {
    /// No metrics yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same metrics seen through a handle that adds these labels to all it makes, as
    /// `node_id` and `node_type` of a role. A label it adds already gets the new value: readers
    /// refuse a series that names a label twice.
    pub fn with_labels(&self, labels: Labels<'_>) -> Self {
        let mut base = self.base.as_ref().clone();
        base.retain(|(key, _)| labels.iter().all(|(added, _)| added != key));
        base.extend(
            labels
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned())),
        );
        Self {
            registry: self.registry.clone(),
            base: Arc::new(base),
        }
    }

    /// The text printed as `# HELP` for a name.
    pub fn describe(&self, name: &'static str, help: &'static str) {
        self.registry.describe(name, help);
    }

    /// The counter of this name and these labels. Exists, at zero, from this call on.
    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        match self
            .registry
            .series(name, &Kind::Counter, &self.base, labels)
        {
            Series::Number(cell) => Counter(cell),
            Series::Buckets(_) => Counter(Arc::default()),
        }
    }

    /// The gauge of this name and these labels. Exists, at zero, from this call on.
    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        match self.registry.series(name, &Kind::Gauge, &self.base, labels) {
            Series::Number(cell) => Gauge(cell),
            Series::Buckets(_) => Gauge(Arc::default()),
        }
    }

    /// The histogram of this name and these labels. Upper bounds may come in any order; those of
    /// the first call with a name hold for all its series.
    pub fn histogram(&self, name: &'static str, bounds: &[f64], labels: Labels<'_>) -> Histogram {
        let kind = Kind::Histogram(registry::tidy_bounds(bounds));
        match self.registry.series(name, &kind, &self.base, labels) {
            Series::Buckets(buckets) => Histogram(buckets),
            Series::Number(_) => Histogram(Arc::new(registry::Buckets::new(Arc::new(Vec::new())))),
        }
    }

    /// Drops every series that carries this label with this value, as those of a stream that
    /// ended. Handles on them go on working and are seen by nobody.
    pub fn forget(&self, label: &'static str, value: &str) {
        self.registry.forget(label, value);
    }

    /// Everything as Prometheus text, version 0.0.4.
    pub fn render(&self) -> String {
        render::render(&self.registry)
    }
}

/// A number that only grows. Cheap to clone and to use from anywhere.
#[derive(Clone, Debug)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// One more.
    pub fn increment(&self) {
        self.add(1.0);
    }

    /// This much more. Negative and non-finite amounts are ignored.
    pub fn add(&self, amount: f64) {
        if amount.is_finite() && amount > 0.0 {
            add(&self.0, amount);
        }
    }

    /// What it stands at.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// A number that goes up and down. Cheap to clone and to use from anywhere.
#[derive(Clone, Debug)]
pub struct Gauge(Arc<AtomicU64>);

impl Gauge {
    /// Now this.
    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    /// This much more, or less when negative.
    pub fn add(&self, amount: f64) {
        add(&self.0, amount);
    }

    /// What it stands at.
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}

/// Counts observations by size. Cheap to clone and to use from anywhere.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<registry::Buckets>);

impl Histogram {
    /// One observation. Not-a-number is ignored.
    pub fn record(&self, value: f64) {
        self.0.record(value);
    }
}

/// Adds to a float kept as bits.
fn add(cell: &AtomicU64, amount: f64) {
    // `fetch_update` with a closure that never refuses cannot fail.
    let _ = cell.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |bits| {
        Some((f64::from_bits(bits) + amount).to_bits())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_added_twice_stands_once_with_its_last_value() {
        let metrics = Metrics::new();
        let node = metrics.with_labels(&[("node_id", "a"), ("node_type", "x")]);
        node.with_labels(&[("node_type", "bctr")])
            .gauge("livepeer_versions", &[])
            .set(1.0);
        let line = "livepeer_versions{node_id=\"a\",node_type=\"bctr\"} 1\n";
        assert!(metrics.render().contains(line), "{}", metrics.render());
    }

    #[test]
    fn series_of_all_kinds_render_with_their_exact_names() {
        let metrics = Metrics::new();
        let node = metrics.with_labels(&[("node_id", "a\"b"), ("node_type", "bctr")]);
        node.describe("livepeer_orchestrator_swaps", "session changes");
        node.counter("livepeer_orchestrator_swaps", &[]).increment();
        node.gauge("livepeer_current_sessions_total", &[]).set(2.5);
        let ratio = node.histogram("livepeer_transcode_score", &[2.0, 0.5, 1.0, 1.0], &[]);
        for value in [0.2, 0.5, 0.7, 9.0, f64::NAN] {
            ratio.record(value);
        }
        let base = "node_id=\"a\\\"b\",node_type=\"bctr\"";
        assert_eq!(
            metrics.render(),
            format!(
                "# TYPE livepeer_current_sessions_total gauge\n\
                 livepeer_current_sessions_total{{{base}}} 2.5\n\
                 # HELP livepeer_orchestrator_swaps session changes\n\
                 # TYPE livepeer_orchestrator_swaps counter\n\
                 livepeer_orchestrator_swaps{{{base}}} 1\n\
                 # TYPE livepeer_transcode_score histogram\n\
                 livepeer_transcode_score_bucket{{{base},le=\"0.5\"}} 2\n\
                 livepeer_transcode_score_bucket{{{base},le=\"1\"}} 3\n\
                 livepeer_transcode_score_bucket{{{base},le=\"2\"}} 3\n\
                 livepeer_transcode_score_bucket{{{base},le=\"+Inf\"}} 4\n\
                 livepeer_transcode_score_sum{{{base}}} 10.4\n\
                 livepeer_transcode_score_count{{{base}}} 4\n"
            )
        );
    }

    #[test]
    fn equal_names_and_labels_share_one_series() {
        let metrics = Metrics::new();
        metrics.counter("streamflow_x", &[("a", "1")]).increment();
        metrics.counter("streamflow_x", &[("a", "1")]).add(2.0);
        metrics.counter("streamflow_x", &[("a", "1")]).add(-5.0);
        assert_eq!(metrics.counter("streamflow_x", &[("a", "1")]).value(), 3.0);
    }

    #[test]
    fn too_many_series_of_a_name_fall_together() {
        let metrics = Metrics::new();
        for index in 0..registry::MAX_SERIES + 50 {
            let label = index.to_string();
            metrics
                .counter("streamflow_x", &[("peer", &label)])
                .increment();
        }
        let text = metrics.render();
        assert!(text.contains("streamflow_x{peer=\"other\"} 50\n"), "{text}");
        assert_eq!(text.lines().count(), registry::MAX_SERIES + 1 + 1);
    }

    #[test]
    fn a_name_of_another_kind_counts_for_nobody() {
        let metrics = Metrics::new();
        metrics.counter("streamflow_x", &[]).increment();
        metrics.gauge("streamflow_x", &[]).set(9.0);
        metrics.histogram("streamflow_x", &[1.0], &[]).record(1.0);
        assert_eq!(
            metrics.render(),
            "# TYPE streamflow_x counter\nstreamflow_x 1\n"
        );
    }

    #[test]
    fn series_of_an_ended_stream_are_forgotten() {
        let metrics = Metrics::new();
        for stream in ["one", "two"] {
            metrics
                .counter("streamflow_x", &[("manifest_id", stream)])
                .increment();
        }
        metrics.forget("manifest_id", "one");
        assert_eq!(
            metrics.render(),
            "# TYPE streamflow_x counter\nstreamflow_x{manifest_id=\"two\"} 1\n"
        );
    }
}
