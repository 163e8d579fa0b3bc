//! A running door and a gate that records what comes through.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use streamflow_ingest::rtmp::{Limits, serve};
use streamflow_ingest::{PublishGate, PublishHandle, PublishRequest, Refusal};
use streamflow_runtime::{Shutdown, SystemClock};
use streamflow_types::{SegmentNumber, SourceSegment};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Segments between a publisher and whoever takes them.
const QUEUE: usize = 2;

#[derive(Default)]
pub(crate) struct Gate {
    pub(crate) requests: Mutex<Vec<PublishRequest>>,
    pub(crate) segments: Mutex<Vec<SourceSegment>>,
    /// Publishers that have left, by manifest.
    pub(crate) left: Mutex<Vec<String>>,
    pub(crate) next: Mutex<HashMap<String, u64>>,
    pub(crate) refusal: Mutex<Option<Refusal>>,
    /// Segments are left in the queue.
    pub(crate) takes_nothing: bool,
    /// The stream is ended after this many segments.
    pub(crate) most: Option<usize>,
    pub(crate) kept: Mutex<Vec<mpsc::Receiver<SourceSegment>>>,
}

pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    pub(crate) gate: Arc<Gate>,
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: JoinHandle<()>,
}

impl Door {
    pub(crate) async fn open(gate: Gate, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (gate, shutdown) = (Arc::new(Recorder(Arc::new(gate))), Shutdown::new());
        let serving = tokio::spawn(serve(
            listener,
            gate.clone(),
            limits,
            Arc::new(SystemClock),
            shutdown.clone(),
        ));
        Self {
            address,
            gate: gate.0.clone(),
            shutdown,
            serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.address)
    }

    /// Waits until this many publishers have left and their segments are recorded.
    pub(crate) async fn wait_left(&self, publishers: usize) {
        self.wait(|gate| gate.left.lock().unwrap().len() >= publishers)
            .await;
    }

    pub(crate) async fn wait(&self, done: impl Fn(&Gate) -> bool) {
        for _ in 0..3000 {
            if done(&self.gate) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("did not happen in 30 s");
    }

    pub(crate) fn segments(&self) -> Vec<SourceSegment> {
        self.gate.segments.lock().unwrap().clone()
    }
}

struct Recorder(Arc<Gate>);

#[async_trait]
impl PublishGate for Recorder {
    async fn open(&self, request: PublishRequest) -> Result<PublishHandle, Refusal> {
        let manifest = request.manifest.clone();
        self.0.requests.lock().unwrap().push(request);
        if let Some(refusal) = self.0.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        let (sender, mut receiver) = mpsc::channel::<SourceSegment>(QUEUE);
        let next = *self
            .0
            .next
            .lock()
            .unwrap()
            .entry(manifest.to_string())
            .or_default();
        if self.0.takes_nothing {
            self.0.kept.lock().unwrap().push(receiver);
        } else {
            let gate = self.0.clone();
            let name = manifest.to_string();
            tokio::spawn(async move {
                let mut taken = 0;
                while let Some(segment) = receiver.recv().await {
                    gate.next
                        .lock()
                        .unwrap()
                        .insert(name.clone(), segment.number.0 + 1);
                    gate.segments.lock().unwrap().push(segment);
                    taken += 1;
                    if gate.most.is_some_and(|most| taken >= most) {
                        break;
                    }
                }
                drop(receiver);
                gate.left.lock().unwrap().push(name);
            });
        }
        Ok(PublishHandle {
            manifest,
            segments: sender,
            next: SegmentNumber(next),
        })
    }
}
