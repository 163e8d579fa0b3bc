//! Attach, work, attach again, and leave in good order.

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_rpc::Clients;
use streamflow_runtime::{Backoff, Shutdown};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::attach::{Attachment, Ending};
use crate::config::{Capacity, Config, Deps, RunError};
use crate::fetch::Fetcher;
use crate::job::Worker;
use crate::report::Reporter;

/// Delays between attachments, as the network's transcoders have them.
const FIRST_DELAY: Duration = Duration::from_millis(500);
const DELAY_FACTOR: f64 = 1.5;
const LONGEST_DELAY: Duration = Duration::from_secs(60);

/// An attachment this long was a good one: the next loss starts with the first delay again.
const STEADY_AFTER: Duration = Duration::from_secs(30);

/// Between two looks at an engine that has no capacity yet.
const ENGINE_INTERVAL: Duration = Duration::from_secs(1);

/// Works until told to leave, or sent away for good. Leaving means: take nothing new, finish and
/// post what runs.
pub async fn run(config: Config, deps: Deps, shutdown: Shutdown) -> Result<(), RunError> {
    let clients = Clients::new(&deps.peers)?;
    let address = config.orchestrator.url();
    let channel = clients.grpc(address)?;
    let worker = Arc::new(Worker::new(
        deps.transcoder.clone(),
        Fetcher::new(clients.downloads().clone()),
        Reporter::new(
            &clients,
            deps.peers.clone(),
            address,
            config.secret.clone(),
            &deps.metrics,
        ),
        &config.version,
        &deps.metrics,
    ));
    let message = format!("attaching to {}", config.orchestrator);
    deps.readiness.block("not-attached", message);
    let mut jobs = JoinSet::new();
    let attachment = Attachment {
        config: &config,
        deps: &deps,
        channel,
        worker,
    };
    let ending = attach_until_draining(&attachment, &shutdown, &mut jobs).await;
    deps.readiness.block("draining", "finishes its last jobs");
    tracing::info!(jobs = jobs.len(), "taking no more jobs");
    let finish = async { while jobs.join_next().await.is_some() {} };
    if shutdown.unless_stopped(finish).await.is_none() {
        tracing::warn!(jobs = jobs.len(), "stopped with jobs unfinished");
    }
    ending
}

async fn attach_until_draining(
    attachment: &Attachment<'_>,
    shutdown: &Shutdown,
    jobs: &mut JoinSet<()>,
) -> Result<(), RunError> {
    let mut backoff = Backoff::new(FIRST_DELAY, DELAY_FACTOR, LONGEST_DELAY);
    let mut rng = StdRng::from_os_rng();
    let orchestrator = attachment.config.orchestrator.to_string();
    loop {
        let Some(capacity) = shutdown
            .unless_draining(wait_for_capacity(attachment))
            .await
        else {
            return Ok(());
        };
        let started = Instant::now();
        let attached = attachment.hold(capacity, jobs);
        let Some(ending) = shutdown.unless_draining(attached).await else {
            return Ok(());
        };
        let reason = match ending {
            Ending::Lost(reason) => reason,
            Ending::InvalidSecret => return Err(RunError::InvalidSecret(orchestrator)),
            Ending::ZeroCapacity => return Err(RunError::ZeroCapacity),
            Ending::Dismissed => return Err(RunError::Dismissed(orchestrator)),
        };
        if started.elapsed() >= STEADY_AFTER {
            backoff.reset();
        }
        let delay = backoff.next_delay(&mut rng);
        let message = format!("no line to {orchestrator}: {reason}");
        tracing::warn!(
            orchestrator,
            reason,
            retry_ms = delay.as_millis(),
            "not attached"
        );
        attachment.deps.readiness.block("not-attached", message);
        if shutdown.unless_draining(idle(delay, jobs)).await.is_none() {
            return Ok(());
        }
    }
}

/// The sessions to announce, once there are any.
async fn wait_for_capacity(attachment: &Attachment<'_>) -> u32 {
    let (config, deps) = (attachment.config, attachment.deps);
    let sessions = deps.metrics.gauge("livepeer_max_sessions_total", &[]);
    loop {
        let capacity = match (config.capacity, deps.transcoder.capacity()) {
            (_, None) => None,
            (Capacity::Auto, measured) => measured,
            (Capacity::Sessions(sessions), Some(_)) => Some(sessions),
        };
        sessions.set(f64::from(capacity.unwrap_or(0)));
        match capacity {
            Some(capacity) => {
                deps.readiness.clear("no-media-workers");
                return capacity;
            }
            None => deps
                .readiness
                .block("no-media-workers", "no worker process runs; see the log"),
        }
        tokio::time::sleep(ENGINE_INTERVAL).await;
    }
}

/// Waits, and meanwhile lets go of jobs that ended.
async fn idle(delay: Duration, jobs: &mut JoinSet<()>) {
    let until = Instant::now() + delay;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(until) => return,
            Some(_) = jobs.join_next() => {}
        }
    }
}
