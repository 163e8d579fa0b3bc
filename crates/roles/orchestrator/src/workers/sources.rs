//! The sources of running jobs, where transcoders fetch them. Bounded by the room that admitted
//! segments have: nothing is kept here beyond its job.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::{Path, State as Shared};
use axum::response::Response;
use bytes::Bytes;
use streamflow_engine::Job;

use crate::renditions::file_answer;
use crate::state::State;

/// Sources by path.
#[derive(Default)]
pub(super) struct Sources(Mutex<HashMap<String, Kept>>);

struct Kept {
    bytes: Bytes,
    /// A number sent again while the first is worked on shares its place.
    jobs: usize,
}

/// One source that can be fetched. No longer when dropped.
pub(super) struct Source<'a> {
    sources: &'a Sources,
    /// Where, on this node.
    pub(super) path: String,
}

impl Sources {
    /// Lets the job's source be fetched.
    pub(super) fn keep(&self, job: &Job) -> Source<'_> {
        let path = format!("/stream/{}/{}.tempfile", job.session, job.number);
        let mut kept = self.kept();
        let entry = kept.entry(path.clone()).or_insert_with(|| Kept {
            bytes: Bytes::new(),
            jobs: 0,
        });
        entry.bytes = job.source.clone();
        entry.jobs += 1;
        Source {
            sources: self,
            path,
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Source<'_> {
    fn drop(&mut self) {
        let mut kept = self.sources.kept();
        if let Some(entry) = kept.get_mut(&self.path) {
            entry.jobs -= 1;
            if entry.jobs == 0 {
                kept.remove(&self.path);
            }
        }
    }
}

/// `GET /stream/<session>/<number>.tempfile`. Sources go out without a type, as peers expect them.
pub(crate) async fn serve_source(
    Shared(state): Shared<State>,
    Path((session, name)): Path<(String, String)>,
) -> Response {
    let workers = state.workshop.workers();
    let found = workers.and_then(|workers| {
        let kept = workers.sources.kept();
        let entry = kept.get(&format!("/stream/{session}/{name}"))?;
        Some(entry.bytes.clone())
    });
    file_answer(found, "")
}
