//! Which streams run, and how a new one is opened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamflow_playback::OpenError as LibraryError;
use streamflow_types::{ManifestId, SegmentNumber};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Ladder;
use crate::node::Node;
use crate::setup::Setup;
use crate::status::{Door, Status};
use crate::stream::{Command, Incoming, Source, Stream};

/// Segments between a publisher and its stream: one being taken, and one behind it. Publishers are
/// held back beyond that.
pub(crate) const WAITING: usize = 2;

/// Orders of operators that wait for a stream.
const COMMANDS: usize = 8;

/// Streams that run, by name.
#[derive(Default)]
pub(crate) struct Registry {
    streams: Mutex<BTreeMap<String, Arc<Running>>>,
    /// Held while a stream is opened, so that no name is given away twice.
    opening: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
}

/// A stream that runs.
pub(crate) struct Running {
    pub(crate) status: Arc<Status>,
    commands: mpsc::Sender<Command>,
    /// For pushed segments.
    pub(crate) push: Option<mpsc::Sender<Incoming>>,
    ladder: Ladder,
    /// Cancelled when the task is over.
    over: CancellationToken,
}

/// Why a stream was not opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum OpenError {
    /// Another publisher has the name.
    #[error("the stream name is in use")]
    InUse,
    /// As many as there may be.
    #[error("{0} streams run already, as many as may")]
    TooMany(usize),
    /// The node takes no new ones.
    #[error("this gateway is shutting down")]
    Draining,
    /// Nobody could transcode it, and it may not be passed through.
    #[error("nobody can transcode it, and passing it through is not allowed")]
    Nobody,
    /// It cannot be shown.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

/// A stream that was opened.
pub(crate) struct Opened {
    /// The number that continues the stream.
    pub(crate) next: SegmentNumber,
    /// Takes pushed segments, where it was opened for them.
    pub(crate) running: Arc<Running>,
}

impl Registry {
    /// A stream by name.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Running>> {
        self.streams().get(id).cloned()
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<Running>> {
        let mut all: Vec<Arc<Running>> = self.streams().values().cloned().collect();
        all.sort_by_key(|running| running.status.started_unix());
        all
    }

    /// How many run.
    pub(crate) fn len(&self) -> usize {
        self.streams().len()
    }

    /// Returns once no stream runs any more. New ones are not opened by then.
    pub(crate) async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Running>>> {
        // Each change is one step, so a panicking holder leaves nothing half done.
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Tells the stream's task something. `false` when it is over.
    pub(crate) async fn command(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// Whether the task is over.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Ends the stream and returns once it is over.
    pub(crate) async fn stop(&self) {
        self.command(Command::Stop).await;
        self.over.cancelled().await;
    }
}

/// Opens a stream for an RTMP publisher whose segments come through `segments`. One that lost its
/// publisher a moment ago is taken up again with all its sessions.
pub(crate) async fn open_rtmp(
    node: &Arc<Node>,
    setup: Setup,
    segments: mpsc::Receiver<streamflow_types::SourceSegment>,
    client: Option<String>,
) -> Result<Opened, OpenError> {
    let _turn = node.registry.opening.lock().await;
    if node.is_draining() {
        return Err(OpenError::Draining);
    }
    if let Some(running) = node.registry.find(setup.manifest.as_str()) {
        if running.status.door() != Door::Rtmp || running.ladder != setup.ladder {
            return Err(OpenError::InUse);
        }
        let (answer, taken) = tokio::sync::oneshot::channel();
        let attach = Command::Attach { segments, answer };
        if running.command(attach).await {
            return match taken.await {
                Ok(true) => {
                    let next = show(node, &setup).await?;
                    Ok(Opened { next, running })
                }
                _ => Err(OpenError::InUse),
            };
        }
        // It ended this very moment, and its name is free again once its task is over.
        running.over.cancelled().await;
        return Err(OpenError::InUse);
    }
    let source = Source::rtmp(segments);
    begin(node, setup, source, None, client).await
}

/// Opens a stream for pushed segments. One that runs under the same name is ended first: another
/// publisher took it over.
pub(crate) async fn open_push(
    node: &Arc<Node>,
    setup: Setup,
    client: Option<String>,
) -> Result<Opened, OpenError> {
    let _turn = node.registry.opening.lock().await;
    if node.is_draining() {
        return Err(OpenError::Draining);
    }
    if let Some(running) = node.registry.find(setup.manifest.as_str()) {
        if running.status.door() != Door::Push {
            return Err(OpenError::InUse);
        }
        running.stop().await;
    }
    let (sender, receiver) = mpsc::channel(WAITING);
    begin(node, setup, Source::push(receiver), Some(sender), client).await
}

async fn begin(
    node: &Arc<Node>,
    setup: Setup,
    source: Source,
    push: Option<mpsc::Sender<Incoming>>,
    client: Option<String>,
) -> Result<Opened, OpenError> {
    let most = node.config.max_streams;
    if node.registry.len() >= most {
        return Err(OpenError::TooMany(most));
    }
    if !node.passes_through() && !node.directory.is_answering() && node.local.is_none() {
        return Err(OpenError::Nobody);
    }
    let next = show(node, &setup).await?;
    let door = if push.is_some() {
        Door::Push
    } else {
        Door::Rtmp
    };
    let id = setup.manifest.as_str().to_owned();
    let status = Arc::new(Status::new(&id, door, node.clock.unix()));
    let (commands, orders) = mpsc::channel(COMMANDS);
    let over = CancellationToken::new();
    let running = Arc::new(Running {
        status: status.clone(),
        commands,
        push,
        ladder: setup.ladder.clone(),
        over: over.clone(),
    });
    node.registry.streams().insert(id.clone(), running.clone());
    count(node);
    let metrics = node.metrics.stream(&id, client.as_deref());
    let stream = Stream::new(node.clone(), setup, status, metrics);
    let end = End {
        node: node.clone(),
        id,
        over,
    };
    node.registry.tasks.spawn(async move {
        let _end = end;
        stream.run(source, orders).await;
    });
    if door == Door::Rtmp {
        node.metrics.created.increment();
        node.metrics.started.increment();
    }
    Ok(Opened { next, running })
}

async fn show(node: &Node, setup: &Setup) -> Result<SegmentNumber, OpenError> {
    let ladder = match &setup.ladder {
        // Known with the first segment.
        Ladder::Auto => &[][..],
        Ladder::Profiles(profiles) => profiles,
    };
    Ok(node
        .library
        .open_stream(&setup.manifest, ladder)
        .await?
        .next)
}

/// Gives a stream's name back when its task ends, however it ends.
struct End {
    node: Arc<Node>,
    id: String,
    over: CancellationToken,
}

impl Drop for End {
    fn drop(&mut self) {
        let removed = self.node.registry.streams().remove(&self.id);
        if removed.is_some_and(|running| running.status.door() == Door::Rtmp) {
            self.node.metrics.ended.increment();
        }
        self.node.metrics.forget(&self.id);
        count(&self.node);
        self.over.cancel();
    }
}

fn count(node: &Node) {
    node.metrics.sessions.set(node.registry.len() as f64);
}

/// A name that no publisher gave.
pub(crate) fn random_manifest() -> ManifestId {
    let name = format!("{:08x}", rand::random::<u32>());
    ManifestId::new(&name).expect("eight hexadecimal digits are a name")
}
