//! One attachment: the call that stays open, and the jobs that come over it.

use std::sync::Arc;
use std::time::Duration;

use streamflow_rpc::Channel;
use streamflow_wire::capability::Capabilities;
use streamflow_wire::proto;
use streamflow_wire::proto::transcoder_client::TranscoderClient;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::config::{Config, Deps};
use crate::job::Worker;

/// An idle orchestrator sends nothing at all, not even response headers. A call that is still open
/// after dialling must be over is taken for an attachment.
const ATTACHED_AFTER: Duration = Duration::from_secs(4);

/// Largest message taken: ten profiles with long names are far below.
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// How an attachment ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The line is gone. Attach again later.
    Lost(String),
    /// The secret is wrong.
    InvalidSecret,
    /// The capacity is zero.
    ZeroCapacity,
    /// The orchestrator wants no more of this transcoder.
    Dismissed,
}

/// What an attachment needs.
pub(crate) struct Attachment<'a> {
    pub(crate) config: &'a Config,
    pub(crate) deps: &'a Deps,
    pub(crate) channel: Channel,
    pub(crate) worker: Arc<Worker>,
}

impl Attachment<'_> {
    /// Registers and takes jobs until the call ends. Dropping the future cancels the call; jobs
    /// go on. There is no limit on waiting: silence is the usual state.
    pub(crate) async fn hold(&self, capacity: u32, jobs: &mut JoinSet<()>) -> Ending {
        let attached = self
            .deps
            .metrics
            .gauge("streamflow_transcoder_attached", &[]);
        let ending = self.hold_call(capacity, jobs, &attached).await;
        attached.set(0.0);
        match ending {
            Ok(()) => Ending::Lost("the orchestrator closed the call".to_owned()),
            Err(status) => judge(&status),
        }
    }

    async fn hold_call(
        &self,
        capacity: u32,
        jobs: &mut JoinSet<()>,
        attached: &streamflow_runtime::Gauge,
    ) -> Result<(), Status> {
        let mut client = TranscoderClient::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let call = client.register_transcoder(self.registration(capacity));
        tokio::pin!(call);
        let noticed = tokio::time::sleep(ATTACHED_AFTER);
        tokio::pin!(noticed);
        let mut waiting = true;
        let response = loop {
            tokio::select! {
                response = &mut call => break response?,
                () = &mut noticed, if waiting => {
                    waiting = false;
                    self.attached(attached);
                }
                Some(_) = jobs.join_next() => {}
            }
        };
        self.attached(attached);
        let mut notices = response.into_inner();
        loop {
            tokio::select! {
                notice = notices.message() => match notice? {
                    Some(notice) => self.worker.clone().take(notice, jobs).await,
                    None => return Ok(()),
                },
                Some(_) = jobs.join_next() => {}
            }
        }
    }

    fn attached(&self, gauge: &streamflow_runtime::Gauge) {
        if gauge.value() == 0.0 {
            tracing::info!(orchestrator = %self.config.orchestrator, "attached");
        }
        gauge.set(1.0);
        self.deps.readiness.clear("not-attached");
    }

    fn registration(&self, capacity: u32) -> proto::RegisterRequest {
        let set = self.deps.transcoder.capabilities();
        let capabilities = Capabilities::of_node(set, &self.config.version);
        proto::RegisterRequest {
            secret: self.config.secret.expose().to_owned(),
            capacity: i64::from(capacity),
            capabilities: Some(capabilities.to_proto()),
        }
    }
}

/// What the end of a call means. The texts are those of the network.
fn judge(status: &Status) -> Ending {
    match (status.code(), status.message()) {
        (Code::Unknown, "invalid secret") => Ending::InvalidSecret,
        (Code::Unknown, "zero capacity") => Ending::ZeroCapacity,
        // Said by the orchestrator itself. A reset of the stream or of the connection looks alike
        // but for its source, and only means that the line is gone.
        (Code::Cancelled, _) if std::error::Error::source(status).is_none() => Ending::Dismissed,
        (code, message) => Ending::Lost(format!("{code:?}: {message}")),
    }
}
