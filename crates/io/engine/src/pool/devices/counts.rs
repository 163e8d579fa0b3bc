//! What a card counts. The network has no metrics of devices, so the names are this project's.

use streamflow_runtime::{Counter, Gauge, Metrics};

use super::ledger::Ledger;
use crate::protocol::DeviceFacts;

/// The metrics of one card.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    /// 1 while its worker takes jobs.
    pub(super) up: Gauge,
    pub(super) deaths: Counter,
    pub(super) done: Counter,
    pub(super) failed: Counter,
    pub(super) lost: Counter,
    /// Pictures decoded by the card, and those it left to the processor.
    pub(super) frames: [Counter; 2],
    sessions: Gauge,
    encoders: Gauge,
    encoder_limit: Gauge,
    memory: Gauge,
    free: Gauge,
}

impl Counts {
    pub(super) fn new(metrics: &Metrics, device: &str) -> Self {
        let gauge = |name| metrics.gauge(name, &[("device", device)]);
        let jobs = |outcome| {
            let labels = [("device", device), ("outcome", outcome)];
            metrics.counter("streamflow_device_jobs_total", &labels)
        };
        let frames = |by| {
            let labels = [("device", device), ("decoded_by", by)];
            metrics.counter("streamflow_device_frames_total", &labels)
        };
        Self {
            up: gauge("streamflow_device_up"),
            deaths: metrics.counter(
                "streamflow_device_worker_deaths_total",
                &[("device", device)],
            ),
            done: jobs("done"),
            failed: jobs("failed"),
            lost: jobs("lost"),
            frames: [frames("card"), frames("processor")],
            sessions: gauge("streamflow_device_sessions"),
            encoders: gauge("streamflow_device_encoder_sessions"),
            encoder_limit: gauge("streamflow_device_encoder_sessions_limit"),
            memory: gauge("streamflow_device_memory_bytes"),
            free: gauge("streamflow_device_memory_free_bytes"),
        }
    }

    /// Shows what the books say now. A card without a limit of its encoders shows none.
    pub(super) fn show(&self, ledger: Option<&Ledger>, facts: &DeviceFacts) {
        self.memory.set(facts.memory_bytes as f64);
        self.encoder_limit
            .set(f64::from(facts.encoder_limit.unwrap_or(0)));
        if let Some(ledger) = ledger {
            self.sessions.set(ledger.sessions() as f64);
            self.encoders.set(f64::from(ledger.encoders()));
            self.free.set(ledger.free_bytes() as f64);
        }
    }
}
