//! Orchestrators and their transcoders: how they answer, how they fail, how they come back.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use streamflow_sessions::Peer;

/// Segments a transcoder takes at a time.
const SLOTS: usize = 24;

/// Median time of a transcode and the spread of its logarithm.
const MEDIAN: f64 = 0.35;
const SPREAD: f64 = 0.35;

/// What a crawling transcoder takes, as a multiple.
const CRAWL: f64 = 6.0;

/// Shares of attempts that never answer, fail at once, take seconds, or lose a packet on their way.
const HANG: f64 = 0.002;
const ERROR: f64 = 0.005;
const SLOW: f64 = 0.001;
const LOSS: f64 = 0.02;

/// One attempt: its stream and its number there.
pub(crate) type Key = (usize, u64);

/// How an attempt is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reply {
    Done,
    Broken,
    Fraud,
    Busy,
}

/// What happens in the market later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Later {
    Answer {
        node: usize,
        key: Key,
        serial: u64,
        reply: Reply,
    },
    Heal {
        node: usize,
        worker: Option<usize>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Up,
    Dead,
    /// Takes what comes and answers when it thaws.
    Frozen,
    /// What it answers is lost.
    Cut,
    /// Refuses everything.
    Busy,
    /// Answers with something else than was bought.
    Lying,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    Up,
    Dead,
    Frozen,
    Crawling,
}

struct Node {
    peer: Peer,
    born: u64,
    state: State,
    workers: Vec<Worker>,
    jobs: BTreeMap<Key, Job>,
}

#[derive(Clone, Copy)]
struct Job {
    worker: usize,
    serial: u64,
    /// It would have been answered, had nobody been frozen.
    stuck: Option<Reply>,
}

/// All nodes that are not the gateway.
pub(crate) struct Market {
    nodes: Vec<Node>,
    rng: StdRng,
    serial: u64,
    later: Vec<(Duration, Later)>,
    frozen_faults: bool,
    pub(crate) faults: u64,
}

impl Market {
    pub(crate) fn new(seed: u64, orchestrators: usize, transcoders: usize) -> Self {
        let node = |index: usize| Node {
            peer: name(index, 0),
            born: 0,
            state: State::Up,
            workers: vec![Worker::Up; transcoders],
            jobs: BTreeMap::new(),
        };
        Self {
            nodes: (0..orchestrators).map(node).collect(),
            rng: StdRng::seed_from_u64(seed ^ 0x6d61_726b_6574),
            serial: 0,
            later: Vec::new(),
            frozen_faults: false,
            faults: 0,
        }
    }

    /// Everybody there is now.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.nodes.iter().map(|node| &node.peer)
    }

    /// Where an address leads.
    pub(crate) fn node_of(&self, peer: &Peer) -> Option<usize> {
        self.nodes.iter().position(|node| node.peer == *peer)
    }

    /// Whether a question for an offer is answered with one.
    pub(crate) fn offers(&self, peer: &Peer) -> bool {
        let node = self.nodes.iter().find(|node| node.peer == *peer);
        node.is_some_and(|node| matches!(node.state, State::Up | State::Lying))
    }

    /// Which orchestrators nothing is wrong with right now.
    pub(crate) fn healthy(&self) -> impl Iterator<Item = bool> {
        let able = |node: &Node| {
            node.state == State::Up && node.workers.iter().all(|worker| *worker == Worker::Up)
        };
        self.nodes.iter().map(able)
    }

    /// What was scheduled since the last call.
    pub(crate) fn take_later(&mut self) -> Vec<(Duration, Later)> {
        std::mem::take(&mut self.later)
    }

    /// A segment arrives at an orchestrator.
    pub(crate) fn submit(&mut self, now: Duration, index: usize, key: Key) {
        let trip = self.trip();
        let Some(node) = self.nodes.get(index) else {
            return;
        };
        match node.state {
            State::Dead => self.reply(now + Duration::from_millis(2), index, key, Reply::Broken),
            State::Busy => self.reply(now + trip, index, key, Reply::Busy),
            _ => match self.free_worker(index) {
                Some(worker) => self.work(now + trip, index, worker, key),
                None => self.reply(now + trip, index, key, Reply::Busy),
            },
        }
    }

    /// Nobody waits for this attempt any more.
    pub(crate) fn call_off(&mut self, index: usize, key: Key) {
        if let Some(node) = self.nodes.get_mut(index) {
            node.jobs.remove(&key);
        }
    }

    /// An answer is due. `None` when it does not come, or not yet.
    pub(crate) fn answer(
        &mut self,
        index: usize,
        key: Key,
        serial: u64,
        reply: Reply,
    ) -> Option<Reply> {
        let node = self.nodes.get_mut(index)?;
        let job = node.jobs.get_mut(&key).filter(|job| job.serial == serial)?;
        let worker = node.workers.get(job.worker).copied();
        if node.state == State::Frozen || (worker == Some(Worker::Frozen) && reply == Reply::Done) {
            job.stuck = Some(reply);
            return None;
        }
        node.jobs.remove(&key);
        match (node.state, reply) {
            (State::Cut, _) => None,
            (State::Lying, Reply::Done) => Some(Reply::Fraud),
            _ => Some(reply),
        }
    }

    /// Something goes wrong somewhere.
    pub(crate) fn fault(&mut self, now: Duration) {
        if self.frozen_faults {
            return;
        }
        self.faults += 1;
        let index = self.rng.random_range(0..self.nodes.len());
        if self.rng.random_bool(0.5) {
            self.fault_of_node(now, index);
        } else {
            self.fault_of_worker(now, index);
        }
    }

    /// Mends the first orchestrator and its transcoders, and leaves all others as they are.
    pub(crate) fn heal_core(&mut self, now: Duration) {
        self.frozen_faults = true;
        if let Some(node) = self.nodes.first_mut() {
            node.state = State::Up;
            node.workers.fill(Worker::Up);
            self.thaw(now, 0);
        }
    }

    /// A fault is over. Says whether an orchestrator came back under a new name.
    pub(crate) fn heal(&mut self, now: Duration, index: usize, worker: Option<usize>) -> bool {
        let Some(node) = self.nodes.get_mut(index).filter(|_| !self.frozen_faults) else {
            return false;
        };
        let mut renamed = false;
        match worker {
            Some(worker) => {
                if let Some(worker) = node.workers.get_mut(worker) {
                    *worker = Worker::Up;
                }
            }
            None => {
                if node.state == State::Lying {
                    // Nobody trusts the old name for a day: an honest successor takes over.
                    node.born += 1;
                    node.peer = name(index, node.born);
                    renamed = true;
                }
                node.state = State::Up;
            }
        }
        self.thaw(now, index);
        if renamed {
            self.drop_jobs(now, index);
        }
        renamed
    }

    /// A wait with this mean.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        let share: f64 = self.rng.random_range(1e-9..1.0);
        mean.mul_f64(-share.ln())
    }

    fn fault_of_node(&mut self, now: Duration, index: usize) {
        let (state, seconds) = match self.rng.random_range(0..6u8) {
            0 | 1 => (State::Dead, 2.0..8.0),
            2 => (State::Frozen, 5.0..30.0),
            3 => (State::Cut, 10.0..60.0),
            4 => (State::Busy, 5.0..20.0),
            // One that lies cannot be the one whose health the second phase relies on.
            _ if index == 0 => (State::Dead, 10.0..20.0),
            _ => (State::Lying, 5.0..20.0),
        };
        let length = Duration::from_secs_f64(self.rng.random_range(seconds));
        let Some(node) = self.nodes.get_mut(index).filter(|n| n.state == State::Up) else {
            return;
        };
        node.state = state;
        if state == State::Dead {
            self.drop_jobs(now, index);
        }
        let heal = Later::Heal {
            node: index,
            worker: None,
        };
        self.later.push((now + length, heal));
    }

    fn fault_of_worker(&mut self, now: Duration, index: usize) {
        let number = self.nodes.get(index).map_or(1, |node| node.workers.len());
        let which = self.rng.random_range(0..number);
        let (state, seconds) = match self.rng.random_range(0..4u8) {
            0 | 1 => (Worker::Dead, 2.0..5.0),
            2 => (Worker::Frozen, 5.0..30.0),
            _ => (Worker::Crawling, 10.0..60.0),
        };
        let length = Duration::from_secs_f64(self.rng.random_range(seconds));
        let worker = self
            .nodes
            .get_mut(index)
            .and_then(|n| n.workers.get_mut(which));
        let Some(worker) = worker.filter(|worker| **worker == Worker::Up) else {
            return;
        };
        *worker = state;
        if state == Worker::Dead {
            self.move_jobs(now, index, which);
        }
        let heal = Later::Heal {
            node: index,
            worker: Some(which),
        };
        self.later.push((now + length, heal));
    }

    /// All attempts at an orchestrator break off.
    fn drop_jobs(&mut self, now: Duration, index: usize) {
        let keys = self.keys_at(index, |_| true);
        for key in keys {
            self.reply(now + Duration::from_millis(2), index, key, Reply::Broken);
        }
    }

    /// A transcoder died: its orchestrator gives its segments to another one.
    fn move_jobs(&mut self, now: Duration, index: usize, worker: usize) {
        for key in self.keys_at(index, |job| job.worker == worker) {
            self.call_off(index, key);
            match self.free_worker(index) {
                Some(other) => self.work(now, index, other, key),
                None => self.reply(now, index, key, Reply::Broken),
            }
        }
    }

    /// What waited for somebody frozen is answered.
    fn thaw(&mut self, now: Duration, index: usize) {
        for key in self.keys_at(index, |job| job.stuck.is_some()) {
            let node = self.nodes.get(index);
            let job = node.and_then(|node| node.jobs.get(&key)).copied();
            if let Some(reply) = job.and_then(|job| job.stuck) {
                let worker = job.map_or(0, |job| job.worker);
                self.put(now + Duration::from_millis(20), index, worker, key, reply);
            }
        }
    }

    fn keys_at(&self, index: usize, wanted: impl Fn(&Job) -> bool) -> Vec<Key> {
        let jobs = self.nodes.get(index).map(|node| &node.jobs);
        let jobs = jobs.into_iter().flatten();
        jobs.filter(|(_, job)| wanted(job))
            .map(|(key, _)| *key)
            .collect()
    }

    /// The least loaded transcoder with room. An orchestrator does not know who hangs.
    fn free_worker(&self, index: usize) -> Option<usize> {
        let node = self.nodes.get(index)?;
        let mut load = vec![0; node.workers.len()];
        for job in node.jobs.values() {
            if let Some(load) = load.get_mut(job.worker) {
                *load += 1;
            }
        }
        let free = node.workers.iter().zip(load).enumerate();
        let free = free.filter(|(_, (state, load))| **state != Worker::Dead && *load < SLOTS);
        free.min_by_key(|(_, (_, load))| *load)
            .map(|(worker, _)| worker)
    }

    fn work(&mut self, now: Duration, index: usize, worker: usize, key: Key) {
        let chance: f64 = self.rng.random();
        let mut took = Duration::from_secs_f64(MEDIAN * (SPREAD * self.normal()).exp());
        let state = self.nodes.get(index).and_then(|n| n.workers.get(worker));
        if state == Some(&Worker::Crawling) {
            took = took.mul_f64(CRAWL);
        }
        if chance < HANG {
            // It is never heard of again; its place is free when it is called off.
            self.take_place(index, worker, key);
        } else if chance < HANG + ERROR {
            self.put(now, index, worker, key, Reply::Broken);
        } else if chance < HANG + ERROR + SLOW {
            let crawl = Duration::from_secs_f64(self.rng.random_range(3.0..5.0));
            self.put(now + crawl, index, worker, key, Reply::Done);
        } else {
            self.put(now + took, index, worker, key, Reply::Done);
        }
    }

    /// Answers without work.
    fn reply(&mut self, at: Duration, index: usize, key: Key, reply: Reply) {
        // No transcoder has this number: it takes nobody's room.
        self.put(at, index, usize::MAX, key, reply);
    }

    fn put(&mut self, at: Duration, index: usize, worker: usize, key: Key, reply: Reply) {
        let serial = self.take_place(index, worker, key);
        let answer = Later::Answer {
            node: index,
            key,
            serial,
            reply,
        };
        self.later.push((at, answer));
    }

    /// Answers with another number are out of date from now on.
    fn take_place(&mut self, index: usize, worker: usize, key: Key) -> u64 {
        self.serial += 1;
        let serial = self.serial;
        if let Some(node) = self.nodes.get_mut(index) {
            let job = Job {
                worker,
                serial,
                stuck: None,
            };
            node.jobs.insert(key, job);
        }
        serial
    }

    fn trip(&mut self) -> Duration {
        let base = Duration::from_micros(self.rng.random_range(2_000..40_000));
        if self.rng.random_bool(LOSS) {
            return base + self.exponential(Duration::from_millis(250));
        }
        base
    }

    /// A standard normal number.
    fn normal(&mut self) -> f64 {
        let (a, b): (f64, f64) = (self.rng.random_range(1e-12..1.0), self.rng.random());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}

fn name(index: usize, born: u64) -> Peer {
    Peer::new(&format!("https://o{index}-{born}:8935"))
}
