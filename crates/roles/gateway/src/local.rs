//! A segment done by this machine's own engine, under the same checks as bought ones.

use std::sync::Arc;
use std::time::Duration;

use streamflow_engine::{Job, Transcoder};
use streamflow_types::{SessionId, TranscodeFailure, Work};
use streamflow_wire::segment::Slice;
use tokio::time::{Instant, timeout};

use crate::submit::{AttemptError, Checked, Order, Report};
use crate::verify::{Purchase, check};

/// How this machine is called among peers. No address looks like it.
pub(crate) const LOCAL: &str = "local";

/// Has the segment done here within `limit`.
pub(crate) async fn transcode(
    engine: &Arc<dyn Transcoder>,
    session: &SessionId,
    order: &Order,
    limit: Duration,
) -> Report {
    Report {
        session: None,
        result: run(engine, session, order, limit).await,
    }
}

async fn run(
    engine: &Arc<dyn Transcoder>,
    session: &SessionId,
    order: &Order,
    limit: Duration,
) -> Result<Vec<Checked>, AttemptError> {
    let mut work = Work::new(order.profiles.as_ref().clone());
    work.clip = order.slice.and_then(Slice::clip);
    let is_clip = work.clip.is_some();
    let job = Job {
        session: session.clone(),
        manifest: order.manifest.clone(),
        number: order.number,
        duration: order.duration,
        source: order.bytes.clone(),
        work,
        deadline: Instant::now() + limit,
    };
    let outcome = timeout(limit, engine.transcode(job))
        .await
        .map_err(|_| AttemptError::Local(TranscodeFailure::Stopped))?
        .map_err(AttemptError::Local)?;
    let (found, wanted) = (outcome.renditions.len(), order.profiles.len());
    if found != wanted {
        return Err(AttemptError::Count { found, wanted });
    }
    let each = outcome.renditions.into_iter().zip(order.profiles.iter());
    each.map(|(rendition, profile)| {
        let purchase = Purchase {
            source: &order.source,
            profile,
            is_clip,
        };
        let checked = check(&purchase, &rendition.bytes, rendition.pixels);
        let inspected = checked.map_err(|mismatch| AttemptError::Mismatch {
            profile: profile.name.clone(),
            mismatch,
        })?;
        Ok(Checked {
            bytes: rendition.bytes,
            info: inspected.info,
            pixels: rendition.pixels,
            // Our own engine has no reason to lie: where it differs, the source's headers do.
            doubt: None,
        })
    })
    .collect()
}
