//! The renditions of running sessions, kept here until their gateways fetch them.
//!
//! Bounded three ways: twelve files a folder, bytes over all sessions, files over all sessions.
//! Sources of jobs are elsewhere: `workers` keeps them as long as their job runs.

use std::collections::{BTreeMap, HashMap, VecDeque};
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

/// Files kept over all sessions, for gateways that buy next to empty renditions: a few hundred
/// bytes of bookkeeping each, and more than any budget of real renditions holds.
const MAX_FILES: usize = 100_000;

struct File {
    name: String,
    bytes: Bytes,
    /// Its place in the order over all sessions.
    stamp: u64,
}

/// The files of one rendition of one session, oldest first.
type Folder = VecDeque<File>;

#[derive(Default)]
struct Table {
    /// Session, then folder within it. No folder and no session is empty.
    sessions: HashMap<SessionId, HashMap<String, Folder>>,
    /// Every file by its stamp, so that the budget takes the oldest of all sessions.
    order: BTreeMap<u64, (SessionId, String)>,
    next_stamp: u64,
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

    /// Keeps a file and tells its path. One of the same name is replaced. The newest file stays
    /// even where it alone is more than the budget: somebody is about to fetch it.
    pub(crate) fn put(
        &self,
        session: &SessionId,
        folder: &str,
        name: &str,
        bytes: Bytes,
    ) -> String {
        let mut table = self.table();
        table.put(session, folder, name, bytes);
        while (table.bytes > self.budget || table.order.len() > MAX_FILES) && table.order.len() > 1
        {
            table.drop_oldest();
        }
        format!("/stream/{session}/{}/{name}", encoded(folder))
    }

    /// A file, where it is still there.
    pub(crate) fn get(&self, session: &SessionId, folder: &str, name: &str) -> Option<Bytes> {
        let table = self.table();
        let files = table.sessions.get(session)?.get(folder)?;
        let file = files.iter().find(|file| file.name == name)?;
        Some(file.bytes.clone())
    }

    /// Takes away everything of a session.
    pub(crate) fn end(&self, session: &SessionId) {
        let mut table = self.table();
        let folders = table.sessions.remove(session).unwrap_or_default();
        folders
            .into_values()
            .flatten()
            .for_each(|file| table.forget(&file));
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn put(&mut self, session: &SessionId, folder: &str, name: &str, bytes: Bytes) {
        let stamp = self.next_stamp;
        self.next_stamp += 1;
        self.bytes += bytes.len();
        self.order
            .insert(stamp, (session.clone(), folder.to_owned()));
        let files = self.sessions.entry(session.clone()).or_default();
        let files = files.entry(folder.to_owned()).or_default();
        let same = files.iter().position(|file| file.name == name);
        let replaced = same.and_then(|at| files.remove(at));
        files.push_back(File {
            name: name.to_owned(),
            bytes,
            stamp,
        });
        let pushed_out = if files.len() > RING {
            files.pop_front()
        } else {
            None
        };
        for file in replaced.iter().chain(&pushed_out) {
            self.forget(file);
        }
    }

    /// A file left its folder.
    fn forget(&mut self, file: &File) {
        self.order.remove(&file.stamp);
        self.bytes -= file.bytes.len();
    }

    fn drop_oldest(&mut self) {
        let Some((stamp, (session, folder))) = self.order.pop_first() else {
            return;
        };
        let Some(folders) = self.sessions.get_mut(&session) else {
            return;
        };
        if let Some(files) = folders.get_mut(&folder) {
            if let Some(at) = files.iter().position(|file| file.stamp == stamp) {
                self.bytes -= files.remove(at).map_or(0, |file| file.bytes.len());
            }
            if files.is_empty() {
                folders.remove(&folder);
            }
        }
        if folders.is_empty() {
            self.sessions.remove(&session);
        }
    }
}

/// A folder's name as one part of a URL: gateways may call a profile anything.
fn encoded(folder: &str) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(folder.len());
    for byte in folder.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
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
    let found = SessionId::new(&session).ok();
    let found = found.and_then(|session| state.renditions.get(&session, &folder, &name));
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("mp4") => Container::Mp4.media_type(),
        Some("phash") => "application/octet-stream",
        _ => Container::MpegTs.media_type(),
    };
    file_answer(found, kind)
}

/// A file, or that there is none.
pub(crate) fn file_answer(found: Option<Bytes>, kind: &'static str) -> Response {
    let Some(bytes) = found else {
        return (StatusCode::NOT_FOUND, "ErrNotFound\n").into_response();
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
        assert!(is_empty(&store));
    }

    #[test]
    fn the_budget_takes_the_oldest_of_all() {
        let store = Renditions::new(10);
        store.put(&id("a"), "p", "0.ts", Bytes::from_static(b"123456"));
        store.put(&id("b"), "p", "0.ts", Bytes::from_static(b"123456"));
        assert!(store.get(&id("a"), "p", "0.ts").is_none());
        assert!(store.get(&id("b"), "p", "0.ts").is_some());
        // Nothing is left of a session without files.
        assert_eq!(store.table().sessions.len(), 1);
        store.end(&id("b"));
        assert!(is_empty(&store));
    }

    #[test]
    fn the_newest_file_stays_whatever_its_size() {
        let store = Renditions::new(10);
        store.put(&id("a"), "p", "0.ts", Bytes::from_static(b"123456"));
        store.put(&id("a"), "q", "0.ts", Bytes::from(vec![7; 100]));
        assert!(store.get(&id("a"), "p", "0.ts").is_none());
        assert_eq!(store.get(&id("a"), "q", "0.ts").unwrap().len(), 100);
    }

    #[test]
    fn a_profile_may_be_called_anything() {
        let store = Renditions::new(1000);
        let path = store.put(&id("a"), "720p & more?#%", "0.ts", Bytes::new());
        assert_eq!(path, "/stream/a/720p%20&%20more%3F%23%25/0.ts");
        let plain = store.put(&id("a"), "P240p30fps16x9", "0.ts", Bytes::new());
        assert_eq!(plain, "/stream/a/P240p30fps16x9/0.ts");
    }

    fn is_empty(store: &Renditions) -> bool {
        let table = store.table();
        table.bytes == 0 && table.order.is_empty() && table.sessions.is_empty()
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
