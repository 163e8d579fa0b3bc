//! What can be fetched from this node under `/stream/`: renditions, and sources for transcoders.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use streamflow_types::{Container, SegmentNumber, SessionId};

use crate::state::State;

/// Files kept in one folder, a rendition of a session; the oldest goes first.
const RING: usize = 12;

/// One folder: the files of one rendition of one session.
type Folder = VecDeque<(String, Bytes)>;

#[derive(Default)]
struct Table {
    /// Session, then folder within it.
    sessions: HashMap<SessionId, HashMap<String, Folder>>,
    /// What was put, oldest first, so that the budget takes the oldest of all sessions.
    order: VecDeque<(SessionId, String, String)>,
    bytes: usize,
}

/// Files by session, folder and name, within a budget of bytes.
pub(crate) struct Renditions {
    budget: usize,
    table: Mutex<Table>,
}

impl Renditions {
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            table: Mutex::default(),
        }
    }

    /// Keeps a file and tells its path below `/stream/`.
    pub(crate) fn put(
        &self,
        session: &SessionId,
        folder: &str,
        name: &str,
        bytes: Bytes,
    ) -> String {
        let mut table = self.table();
        table.bytes += bytes.len();
        let files = table.sessions.entry(session.clone()).or_default();
        let files = files.entry(folder.to_owned()).or_default();
        let mut freed = 0;
        if let Some(at) = files.iter().position(|(existing, _)| existing == name) {
            freed += files.remove(at).map_or(0, |(_, old)| old.len());
        }
        files.push_back((name.to_owned(), bytes));
        while files.len() > RING {
            freed += files.pop_front().map_or(0, |(_, old)| old.len());
        }
        table.bytes -= freed;
        table
            .order
            .push_back((session.clone(), folder.to_owned(), name.to_owned()));
        self.shrink(&mut table);
        path(session, folder, name)
    }

    /// A file, where it is still there.
    pub(crate) fn get(&self, session: &SessionId, folder: &str, name: &str) -> Option<Bytes> {
        let table = self.table();
        let files = table.sessions.get(session)?.get(folder)?;
        files
            .iter()
            .find(|(existing, _)| existing == name)
            .map(|(_, bytes)| bytes.clone())
    }

    /// Takes a file away.
    pub(crate) fn remove(&self, session: &SessionId, folder: &str, name: &str) {
        remove(&mut self.table(), session, folder, name);
    }

    /// Takes away everything of a session.
    pub(crate) fn end(&self, session: &SessionId) {
        let mut table = self.table();
        let folders = table.sessions.remove(session).unwrap_or_default();
        let freed: usize = folders
            .values()
            .flatten()
            .map(|(_, bytes)| bytes.len())
            .sum();
        table.bytes -= freed;
        table.order.retain(|(owner, ..)| owner != session);
    }

    fn shrink(&self, table: &mut Table) {
        // Entries of files that a ring dropped are skipped for free, so the list stays short.
        while table.bytes > self.budget || table.order.len() > MAX_ORDER {
            let Some((session, folder, name)) = table.order.pop_front() else {
                return;
            };
            remove(table, &session, &folder, &name);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Files remembered in order: more than any budget of real renditions holds.
const MAX_ORDER: usize = 1_000_000;

fn remove(table: &mut Table, session: &SessionId, folder: &str, name: &str) {
    let files = table
        .sessions
        .get_mut(session)
        .and_then(|folders| folders.get_mut(folder));
    let Some(files) = files else { return };
    if let Some(at) = files.iter().position(|(existing, _)| existing == name) {
        let freed = files.remove(at).map_or(0, |(_, bytes)| bytes.len());
        table.bytes -= freed;
    }
}

/// The path of a file on this node. The session's own folder has no name.
pub(crate) fn path(session: &SessionId, folder: &str, name: &str) -> String {
    if folder.is_empty() {
        format!("/stream/{session}/{name}")
    } else {
        format!("/stream/{session}/{folder}/{name}")
    }
}

/// The file name of a rendition.
pub(crate) fn file_name(number: SegmentNumber, container: Container) -> String {
    format!("{number}{}", container.extension())
}

/// `GET /stream/<session>/<rendition>/<file>`.
pub(crate) async fn serve_rendition(
    Shared(state): Shared<State>,
    Path((session, folder, name)): Path<(String, String, String)>,
) -> Response {
    serve(&state, &session, &folder, &name)
}

/// `GET /stream/<session>/<file>`: the source of a job.
pub(crate) async fn serve_source(
    Shared(state): Shared<State>,
    Path((session, name)): Path<(String, String)>,
) -> Response {
    serve(&state, &session, "", &name)
}

fn serve(state: &State, session: &str, folder: &str, name: &str) -> Response {
    let found = SessionId::new(session).ok();
    let found = found.and_then(|session| state.renditions.get(&session, folder, name));
    let Some(bytes) = found else {
        return (StatusCode::NOT_FOUND, "ErrNotFound\n").into_response();
    };
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("ts") => Container::MpegTs.media_type(),
        Some("mp4") => Container::Mp4.media_type(),
        Some("phash") => "application/octet-stream",
        // Sources go out without a type, as peers expect them.
        _ => "",
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=5"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> SessionId {
        SessionId::new(text).unwrap()
    }

    #[test]
    fn twelve_files_of_a_rendition_are_kept() {
        let store = Renditions::new(1000);
        for number in 0..13 {
            store.put(
                &id("s"),
                "p",
                &format!("{number}.ts"),
                Bytes::from_static(b"x"),
            );
        }
        assert!(store.get(&id("s"), "p", "0.ts").is_none());
        assert!(store.get(&id("s"), "p", "1.ts").is_some());
        store.end(&id("s"));
        assert!(store.get(&id("s"), "p", "12.ts").is_none());
        assert_eq!(store.table().bytes, 0);
    }

    #[test]
    fn the_budget_takes_the_oldest_of_all() {
        let store = Renditions::new(10);
        store.put(&id("a"), "p", "0.ts", Bytes::from_static(b"123456"));
        store.put(&id("b"), "p", "0.ts", Bytes::from_static(b"123456"));
        assert!(store.get(&id("a"), "p", "0.ts").is_none());
        assert_eq!(
            store.put(&id("b"), "", "1.tempfile", Bytes::new()),
            "/stream/b/1.tempfile"
        );
        assert!(store.get(&id("b"), "p", "0.ts").is_some());
    }

    #[test]
    fn a_file_put_again_is_replaced() {
        let store = Renditions::new(100);
        store.put(&id("a"), "p", "0.ts", Bytes::from_static(b"old"));
        store.put(&id("a"), "p", "0.ts", Bytes::from_static(b"new!"));
        assert_eq!(store.get(&id("a"), "p", "0.ts").unwrap().as_ref(), b"new!");
        assert_eq!(store.table().bytes, 4);
    }
}
