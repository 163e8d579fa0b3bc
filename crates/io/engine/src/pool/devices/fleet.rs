//! The transcoder of a machine with graphics cards: sessions find their place on a card and keep
//! it until they fail there; what no card takes, the processor does.
//!
//! Order of trying: the session's card, the same card with a fresh worker, another card, the
//! processor, an honest error. What a card says against a segment is never the last word: the
//! processor judges it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use streamflow_runtime::Metrics;
use streamflow_types::{Capability, CapabilitySet, SessionId, TranscodeFailure, VideoMode};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};

use super::ledger::{Full, Load};
use super::runner::{Device, DeviceState, device};
use super::{DeviceStatus, DevicesConfig, Health};
use crate::gate;
use crate::pool::Pool;
use crate::pool::process::{Answer, Request, Terms};
use crate::protocol::DeviceFacts;
use crate::transcoder::{Job, Outcome, Transcoder};

/// Sessions whose place is remembered; far more than a machine carries.
const MAX_PLACES: usize = 4_096;

/// How long a segment waits for the fresh worker of its card, and which part of the time it has.
const FRESH_WAIT: Duration = Duration::from_millis(1_500);
const FRESH_SHARE: u32 = 4;

/// Time for the first look at the cards; each answers for itself within less.
const LOOK_LIMIT: Duration = Duration::from_secs(65);

/// Where a session is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Card(usize),
    Processor,
}

/// What came of one try.
enum Tried {
    Done(Box<Outcome>),
    /// The card, or its worker, is to blame.
    CardFailed,
    /// It took no further work.
    Full(&'static str),
    /// The segment may be to blame, or the time is over.
    Failed(TranscodeFailure),
}

/// The cards of this machine, and its processor behind them.
#[derive(Debug)]
pub struct Fleet {
    pool: Arc<Pool>,
    devices: Vec<Device>,
    places: Mutex<HashMap<SessionId, Place>>,
    /// Equal costs take turns.
    turn: AtomicUsize,
    /// Sessions to announce while every card works that worked at the start.
    capacity: AtomicU32,
    up_at_start: usize,
    capabilities: CapabilitySet,
    metrics: Metrics,
    _runners: JoinSet<()>,
}

impl Fleet {
    /// Tries every card that is wanted and waits for what they say. A card that cannot be used is
    /// named in the log and left out; the processor is always there.
    pub async fn start(pool: Arc<Pool>, config: DevicesConfig) -> Self {
        let health = Health::new(config.readiness.clone());
        let mut runners = JoinSet::new();
        let mut devices = Vec::new();
        for found in config.cards() {
            let parts = device(
                &found,
                &pool.shared.config,
                &config,
                &pool._spawner,
                &health,
            );
            devices.push(parts.0);
            runners.spawn(parts.1.run());
        }
        let deadline = Instant::now() + LOOK_LIMIT;
        for device in &mut devices {
            let tried = |state: &DeviceState| *state != DeviceState::Starting;
            // One that says nothing in time goes on being started behind our back.
            let _ = timeout_at(deadline, device.state.wait_for(tried)).await;
        }
        let up: Vec<DeviceFacts> = devices.iter().filter_map(|d| Some(d.facts()?.1)).collect();
        if up.is_empty() && !devices.is_empty() {
            tracing::warn!(
                wanted = %config.devices, tried = devices.len(),
                "no card can be used: everything is done by the processor"
            );
        }
        let hevc = up
            .iter()
            .any(|facts| facts.encoders.iter().any(|name| name == "hevc_nvenc"));
        let mut capabilities = pool.capabilities();
        if hevc {
            capabilities.insert(Capability::HevcEncode.number());
        }
        let carried = pool.capacity().unwrap_or(0).max(1);
        Self {
            capacity: AtomicU32::new(carried),
            up_at_start: up.len(),
            capabilities,
            metrics: pool.shared.config.metrics.clone(),
            pool,
            devices,
            places: Mutex::default(),
            turn: AtomicUsize::new(0),
            _runners: runners,
        }
    }

    /// How many sessions to announce while all cards work that work now.
    pub fn set_capacity(&self, sessions: u32) {
        self.capacity.store(sessions, Ordering::Relaxed);
        if self.usable() == 0 {
            self.pool.set_capacity(sessions);
        }
    }

    /// Every card that was wanted and its state.
    pub fn devices(&self) -> Vec<DeviceStatus> {
        self.devices
            .iter()
            .map(|device| DeviceStatus {
                name: device.name.clone(),
                state: device.state.borrow().clone(),
                sessions: device.ledger().as_ref().map_or(0, |books| books.sessions()),
            })
            .collect()
    }

    /// Cards that take work now.
    pub fn usable(&self) -> usize {
        let up = |device: &&Device| device.facts().is_some();
        self.devices.iter().filter(up).count()
    }

    /// Tries the card a session is on, or finds it one, and says why where none is.
    async fn on_cards(&self, job: &Job) -> Result<Box<Outcome>, Reason> {
        let mut failed = vec![false; self.devices.len()];
        let mut why = Reason::Fallback("down");
        let kept = self.places().get(&job.session).copied();
        let mut next = match kept {
            Some(Place::Card(index)) => Some(index),
            _ => self.cheapest(&failed),
        };
        while let Some(index) = next {
            failed[index] = true;
            let before = self.devices[index]
                .facts()
                .map(|(generation, _)| generation);
            let mut tried = self.attempt(index, job).await;
            if let (Tried::CardFailed, Some(before)) = (&tried, before)
                && self.is_fresh(index, before, job.deadline).await
            {
                tried = self.attempt(index, job).await;
            }
            match tried {
                Tried::Done(outcome) => {
                    self.keep(&job.session, Place::Card(index));
                    return Ok(outcome);
                }
                Tried::Failed(failure) => return Err(Reason::Judged(failure)),
                Tried::Full(code) => why = Reason::Fallback(code),
                Tried::CardFailed => {
                    self.leave(index, &job.session);
                    why = Reason::Fallback("failed");
                }
            }
            next = self.cheapest(&failed);
        }
        Err(why)
    }

    /// The card with the least to do among those not tried.
    fn cheapest(&self, failed: &[bool]) -> Option<usize> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.devices.len();
        (0..count)
            .map(|step| (first + step) % count)
            .filter(|index| !failed[*index] && self.devices[*index].facts().is_some())
            .min_by_key(|index| {
                let books = self.devices[*index].ledger();
                books.as_ref().map_or(0, |books| books.cost())
            })
    }

    async fn attempt(&self, index: usize, job: &Job) -> Tried {
        let device = &self.devices[index];
        let Some((_, facts)) = device.facts() else {
            return Tried::Full("down");
        };
        let load = Load::of(&job.work.profiles, &facts);
        let mut visit = match Visit::begin(device, &facts, &job.session, load) {
            Ok(visit) => visit,
            Err(full) => return Tried::Full(full.code()),
        };
        let by_card = load.encoders == load.renditions;
        // What the processor encodes needs its tokens like any other job.
        let (tokens, _lease) = if by_card {
            let threads = load.renditions.saturating_add(1);
            (watch::channel(threads).1, None)
        } else {
            match self.pool.shared.tokens_for(job).await {
                Ok((tokens, lease)) => (tokens, Some(lease)),
                Err(failure) => return Tried::Failed(failure),
            }
        };
        let (reply, answer) = oneshot::channel();
        let shared = &self.pool.shared;
        let request = Request {
            job: job.clone(),
            terms: Terms {
                preset: shared.config.preset.clone(),
                had_pictures: shared.pictured.contains(&job.session),
            },
            tokens,
            reply,
        };
        if device.requests.try_send(request).is_err() {
            return Tried::Full("queue");
        }
        match timeout_at(job.deadline, answer).await {
            Err(_) => Tried::Failed(TranscodeFailure::Stopped),
            Ok(Err(_)) => {
                device.counts.lost.increment();
                Tried::CardFailed
            }
            Ok(Ok(Answer::Failed(TranscodeFailure::InvalidHardware))) => {
                device.counts.failed.increment();
                Tried::CardFailed
            }
            Ok(Ok(Answer::Failed(failure))) => {
                device.counts.failed.increment();
                Tried::Failed(failure)
            }
            Ok(Ok(Answer::Done(outcome, used))) => {
                device.counts.done.increment();
                if let Some(used) = used {
                    visit.free_bytes = used.free_bytes;
                    let rest = outcome.decoded_frames.saturating_sub(used.frames);
                    device.counts.frames[0].add(used.frames as f64);
                    device.counts.frames[1].add(rest as f64);
                }
                if outcome.decoded_frames > 0 {
                    shared.pictured.insert(&job.session);
                }
                Tried::Done(outcome)
            }
        }
    }

    /// Whether the card has a worker newer than this one, soon enough for the segment.
    async fn is_fresh(&self, index: usize, before: u64, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut state = self.devices[index].state.clone();
        let newer = |state: &DeviceState| match state {
            DeviceState::Up(generation, _) => *generation != before,
            DeviceState::Starting | DeviceState::Down(_) => false,
        };
        let wait = FRESH_WAIT.min(left / FRESH_SHARE);
        matches!(timeout(wait, state.wait_for(newer)).await, Ok(Ok(_)))
    }

    fn keep(&self, session: &SessionId, place: Place) {
        let mut places = self.places();
        if places.len() >= MAX_PLACES && !places.contains_key(session) {
            // Forgotten sessions are placed anew.
            places.clear();
        }
        places.insert(session.clone(), place);
    }

    fn leave(&self, index: usize, session: &SessionId) {
        self.places().remove(session);
        if let Some(books) = &mut *self.devices[index].ledger() {
            books.leave(session);
        }
    }

    fn count_fallback(&self, reason: &str) {
        let name = "streamflow_device_fallbacks_total";
        let count = self.metrics.counter(name, &[("reason", reason)]);
        count.increment();
    }

    fn fell_back(&self, job: &Job, reason: &str) {
        self.count_fallback(reason);
        tracing::info!(
            manifestID = %job.manifest, orchSessionID = %job.session, reason,
            "no card takes this session; the processor does"
        );
    }

    fn places(&self) -> MutexGuard<'_, HashMap<SessionId, Place>> {
        // Each change is one operation on the map.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a segment goes to the processor.
enum Reason {
    /// No card takes it: for this reason.
    Fallback(&'static str),
    /// A card failed on it, perhaps rightly.
    Judged(TranscodeFailure),
}

#[async_trait]
impl Transcoder for Fleet {
    async fn transcode(&self, job: Job) -> Result<Outcome, TranscodeFailure> {
        let started = Instant::now();
        let mut judged = false;
        // Cards have nothing to do with packets that are passed on.
        let settled = self.places().get(&job.session) == Some(&Place::Processor);
        if job.work.video == VideoMode::Encode && !self.devices.is_empty() && !settled {
            gate::check(&job).await?;
            if self.pool.shared.poison.is_poisoned(&job.source).await {
                return Err(TranscodeFailure::InvalidVideo);
            }
            match self.on_cards(&job).await {
                Ok(mut outcome) => {
                    outcome.took = started.elapsed();
                    return Ok(*outcome);
                }
                Err(Reason::Judged(TranscodeFailure::Stopped)) => {
                    return Err(TranscodeFailure::Stopped);
                }
                Err(Reason::Judged(failure)) => {
                    tracing::debug!(%failure, "failed on a card; the processor judges");
                    judged = true;
                }
                Err(Reason::Fallback(reason)) => {
                    self.fell_back(&job, reason);
                    self.keep(&job.session, Place::Processor);
                }
            }
        }
        let session = job.session.clone();
        let result = self.pool.transcode(job).await;
        match &result {
            // The card was wrong about it, and would be again.
            Ok(_) if judged => {
                self.count_fallback("disagreed");
                self.keep(&session, Place::Processor);
            }
            // Its next segment may find room on a card.
            Err(TranscodeFailure::Busy) => {
                let mut places = self.places();
                if places.get(&session) == Some(&Place::Processor) {
                    places.remove(&session);
                }
            }
            _ => {}
        }
        result.map(|mut outcome| {
            outcome.took = started.elapsed();
            outcome
        })
    }

    async fn end_session(&self, session: &SessionId) {
        self.places().remove(session);
        for device in &self.devices {
            if let Some(books) = &mut *device.ledger() {
                books.leave(session);
            }
        }
        self.pool.end_session(session).await;
    }

    fn capabilities(&self) -> CapabilitySet {
        self.capabilities.clone()
    }

    fn capacity(&self) -> Option<u32> {
        let (up, all) = (self.usable() as u64, self.up_at_start as u64);
        if up == 0 {
            return self.pool.capacity();
        }
        let full = u64::from(self.capacity.load(Ordering::Relaxed));
        let share = full.saturating_mul(up.min(all.max(1))) / all.max(1);
        Some(u32::try_from(share).unwrap_or(u32::MAX).max(1))
    }
}

/// A segment on a card, in its books until dropped.
struct Visit<'a> {
    device: &'a Device,
    facts: &'a DeviceFacts,
    session: &'a SessionId,
    free_bytes: Option<u64>,
}

impl<'a> Visit<'a> {
    fn begin(
        device: &'a Device,
        facts: &'a DeviceFacts,
        session: &'a SessionId,
        load: Load,
    ) -> Result<Self, Full> {
        let mut books = device.ledger();
        if let Some(books) = &mut *books {
            books.begin(Instant::now(), session, load)?;
        }
        device.counts.show(books.as_ref(), facts);
        drop(books);
        Ok(Self {
            device,
            facts,
            session,
            free_bytes: None,
        })
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        let mut books = self.device.ledger();
        if let Some(books) = &mut *books {
            books.end(Instant::now(), self.session, self.free_bytes);
        }
        self.device.counts.show(books.as_ref(), self.facts);
    }
}
