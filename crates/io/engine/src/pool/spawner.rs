//! The thread that starts worker processes. A worker asks the system to kill it when the thread
//! that started it ends, so that thread must live as long as the pool, which threads of an
//! asynchronous runtime need not.

use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Requests that may wait: one for each slot at most, and starting takes milliseconds.
const REQUESTS: usize = 1024;

struct Request {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// A handle on the thread.
#[derive(Debug)]
pub(super) struct Spawner {
    requests: Option<mpsc::SyncSender<Request>>,
    thread: Option<JoinHandle<()>>,
}

impl Spawner {
    /// Starts the thread. Called inside the runtime that will watch the children.
    pub(super) fn start() -> std::io::Result<Self> {
        let (requests, queue) = mpsc::sync_channel::<Request>(REQUESTS);
        let runtime = Handle::current();
        let thread = std::thread::Builder::new()
            .name("worker-spawner".to_owned())
            .spawn(move || {
                let _context = runtime.enter();
                while let Ok(mut request) = queue.recv() {
                    // A slot that left drops the child, which is killed with it.
                    let _ = request.reply.send(request.command.spawn());
                }
            })?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Starts a process from the thread.
    pub(super) async fn spawn(&self, command: Command) -> std::io::Result<Child> {
        let ended = || std::io::Error::other("the pool is ending");
        let (reply, child) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(ended)?;
        requests
            .try_send(Request { command, reply })
            .map_err(|_| ended())?;
        child.await.map_err(|_| ended())?
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It only ends, and at once; a panic in it has been printed.
            let _ = thread.join();
        }
    }
}
