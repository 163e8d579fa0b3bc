//! Peers, streams and time, all made up.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use streamflow_sessions::{
    Action, AttemptEnd, AttemptId, Failure, Input, Offer, Outcome, Peer, Pool, PoolSettings,
    Record, Segment, SegmentKey, Standing,
};

/// How long segments play, and how long they are waited for.
pub(crate) const DURATION: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(6);

/// How a peer answers, as shares of its attempts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    pub(crate) hang: f64,
    pub(crate) error: f64,
    pub(crate) slow: f64,
    pub(crate) fraud: f64,
    pub(crate) busy: f64,
    pub(crate) median: f64,
}

impl Behaviour {
    pub(crate) fn good() -> Self {
        Self {
            hang: 0.0,
            error: 0.0,
            slow: 0.0,
            fraud: 0.0,
            busy: 0.0,
            median: 0.35,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) delivered: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) attempts: usize,
    pub(crate) attempts_at: Vec<usize>,
    pub(crate) ejected: usize,
    latencies: Vec<Duration>,
    deliveries: Vec<Duration>,
}

impl Report {
    pub(crate) fn attempts_per_segment(&self) -> f64 {
        self.attempts as f64 / (self.delivered + self.lost) as f64
    }

    pub(crate) fn quantile(&self, q: f64) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted[((sorted.len() as f64 * q) as usize).min(sorted.len() - 1)]
    }

    pub(crate) fn first_delivery_after(&self, moment: Duration) -> Option<Duration> {
        self.deliveries
            .iter()
            .copied()
            .filter(|at| *at > moment)
            .min()
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Segment {
        stream: usize,
    },
    Finished {
        stream: usize,
        attempt: u64,
        how: u8,
    },
    Tick {
        stream: usize,
    },
}

struct Outage {
    peer: usize,
    from: Duration,
    until: Duration,
    frozen: bool,
}

pub(crate) struct World {
    start: Instant,
    rng: StdRng,
    record: Record,
    behaviours: Vec<Behaviour>,
    peers: Vec<Peer>,
    outages: Vec<Outage>,
    pools: Vec<Pool>,
    next_key: u64,
    open: BTreeMap<(usize, u64), Duration>,
    settled: BTreeSet<(usize, u64)>,
    called_off: BTreeSet<(usize, u64)>,
    queue: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    events: u64,
    report: Report,
}

impl World {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test has no driver to ask for the time"
    )]
    pub(crate) fn new(seed: u64, behaviours: &[Behaviour]) -> Self {
        let peers = (0..behaviours.len())
            .map(|i| Peer::new(&format!("https://o{i}")))
            .collect();
        Self {
            start: Instant::now(),
            rng: StdRng::seed_from_u64(seed),
            record: Record::new(),
            behaviours: behaviours.to_vec(),
            peers,
            outages: Vec::new(),
            pools: Vec::new(),
            next_key: 0,
            open: BTreeMap::new(),
            settled: BTreeSet::new(),
            called_off: BTreeSet::new(),
            queue: BinaryHeap::new(),
            events: 0,
            report: Report {
                attempts_at: vec![0; behaviours.len()],
                ..Report::default()
            },
        }
    }

    /// The peer answers nobody for a while and then goes on where it was.
    pub(crate) fn freeze(&mut self, peer: usize, from: Duration, length: Duration) {
        self.outages.push(Outage {
            peer,
            from,
            until: from + length,
            frozen: true,
        });
    }

    /// The peer refuses everybody for a while and forgets what it had.
    pub(crate) fn kill(&mut self, peer: usize, from: Duration, length: Duration) {
        self.outages.push(Outage {
            peer,
            from,
            until: from + length,
            frozen: false,
        });
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    pub(crate) fn run(&mut self, streams: usize, length: Duration) {
        self.record.list(self.start, &self.peers);
        for stream in 0..streams {
            let mut pool = Pool::new(PoolSettings::default());
            let offers = self.peers.iter().enumerate().map(|(domain, peer)| Offer {
                peer: peer.clone(),
                tier: 0,
                domain: domain as u64,
                weight: 1.0,
            });
            let offers = Input::Offers {
                offers: offers.collect(),
                known: self.peers.len(),
            };
            pool.handle(self.start, offers, &mut self.record, &mut self.rng);
            self.pools.push(pool);
            let first = DURATION.mul_f64(stream as f64 / streams as f64);
            self.at(first, Event::Segment { stream });
        }
        while let Some(Reverse((time, _, event))) = self.queue.pop() {
            if time > length && matches!(event, Event::Segment { .. }) {
                continue;
            }
            self.happen(time, event);
        }
        assert!(
            self.open.is_empty(),
            "segments without outcome: {:?}",
            self.open
        );
        assert!(self.peers.iter().all(|peer| {
            let view = self.record.view(self.start, peer);
            view.is_none_or(|view| view.in_flight == 0)
        }));
    }

    fn at(&mut self, time: Duration, event: Event) {
        self.events += 1;
        self.queue.push(Reverse((time, self.events, event)));
    }

    fn happen(&mut self, time: Duration, event: Event) {
        let (stream, input) = match event {
            Event::Segment { stream } => {
                self.next_key += 1;
                self.open.insert((stream, self.next_key), time);
                self.at(time + DURATION, Event::Segment { stream });
                let key = SegmentKey(self.next_key);
                let segment = Segment {
                    key,
                    duration: DURATION,
                    patience: PATIENCE,
                    sound: true,
                };
                (stream, Input::Segment(segment))
            }
            Event::Finished {
                stream, attempt, ..
            } if self.called_off.contains(&(stream, attempt)) => {
                return;
            }
            Event::Finished {
                stream,
                attempt,
                how,
            } => {
                let end = match how {
                    0 => AttemptEnd::Done,
                    1 => AttemptEnd::Failed(Failure::Broken),
                    2 => AttemptEnd::Failed(Failure::Fraud),
                    _ => AttemptEnd::Failed(Failure::Busy {
                        retry_after: Duration::from_secs(1),
                    }),
                };
                (
                    stream,
                    Input::Finished {
                        attempt: AttemptId(attempt),
                        end,
                    },
                )
            }
            Event::Tick { stream } => {
                let due = self.pools[stream].deadline();
                if due.is_none_or(|due| due > self.start + time) {
                    return;
                }
                (stream, Input::Tick)
            }
        };
        self.pools[stream].handle(self.start + time, input, &mut self.record, &mut self.rng);
        while let Some(action) = self.pools[stream].poll() {
            self.act(time, stream, action);
        }
        // A pool without segments in hand would only look for more peers, for ever.
        if self.pools[stream].in_flight() > 0
            && let Some(due) = self.pools[stream].deadline()
        {
            self.at(
                due.max(self.start + time) - self.start,
                Event::Tick { stream },
            );
        }
        let out = |peer: &Peer| {
            matches!(
                self.record.standing(self.start + time, peer),
                Standing::Ejected { .. }
            )
        };
        self.report.ejected = self
            .report
            .ejected
            .max(self.peers.iter().filter(|p| out(p)).count());
    }

    fn act(&mut self, time: Duration, stream: usize, action: Action) {
        match action {
            Action::Submit { attempt, peer, .. } => self.submit(time, stream, attempt, &peer),
            Action::CallOff { attempt } => {
                self.called_off.insert((stream, attempt.0));
            }
            Action::Settle { segment, outcome } => {
                let came = self.open.remove(&(stream, segment.0));
                if !self.settled.insert((stream, segment.0)) {
                    self.report.doubled += 1;
                }
                let came = came.expect("a segment that was open");
                match outcome {
                    Outcome::Delivered { .. } => {
                        self.report.delivered += 1;
                        self.report.latencies.push(time - came);
                        self.report.deliveries.push(time);
                    }
                    Outcome::GaveUp(_) => self.report.lost += 1,
                }
            }
            Action::Search => {}
        }
    }

    fn submit(&mut self, time: Duration, stream: usize, attempt: AttemptId, peer: &Peer) {
        let index = self.peers.iter().position(|other| other == peer).unwrap();
        self.report.attempts += 1;
        self.report.attempts_at[index] += 1;
        let Some((how, took)) = self.answer(time, index) else {
            return;
        };
        self.at(
            time + took,
            Event::Finished {
                stream,
                attempt: attempt.0,
                how,
            },
        );
    }

    /// How and when a peer answers; `None` for never.
    fn answer(&mut self, time: Duration, index: usize) -> Option<(u8, Duration)> {
        let behaviour = self.behaviours[index];
        let fast = Duration::from_millis(self.rng.random_range(5..50));
        let crawl = self.seconds(3.0..5.0);
        let usual = Duration::from_secs_f64(behaviour.median * (0.35 * self.normal()).exp());
        let chance: f64 = self.rng.random();
        let outage = self
            .outages
            .iter()
            .find(|o| o.peer == index && (o.from..o.until).contains(&time));
        if let Some(outage) = outage.filter(|outage| !outage.frozen) {
            debug_assert!(outage.until > time);
            return Some((1, Duration::from_millis(2)));
        }
        let shares = [
            (behaviour.hang, None),
            (behaviour.error, Some((1, fast))),
            (behaviour.fraud, Some((2, Duration::from_millis(300)))),
            (behaviour.busy, Some((3, fast))),
            (behaviour.slow, Some((0, crawl))),
        ];
        let mut sum = 0.0;
        for (share, answer) in shares {
            sum += share;
            if chance < sum {
                return answer;
            }
        }
        let took = usual;
        let thawed = outage.map(|outage| outage.until - time);
        let end = time + took;
        let killed = self
            .outages
            .iter()
            .find(|o| o.peer == index && !o.frozen && o.from > time && o.from < end);
        if let Some(killed) = killed {
            return Some((1, killed.from - time));
        }
        let frozen = self
            .outages
            .iter()
            .find(|o| o.peer == index && o.frozen && o.from > time && o.from < end);
        let wait = thawed
            .or(frozen.map(|frozen| frozen.until - frozen.from))
            .unwrap_or_default();
        Some((0, took + wait))
    }

    fn seconds(&mut self, range: std::ops::Range<f64>) -> Duration {
        Duration::from_secs_f64(self.rng.random_range(range))
    }

    /// A standard normal number.
    fn normal(&mut self) -> f64 {
        let (a, b): (f64, f64) = (self.rng.random_range(1e-12..1.0), self.rng.random());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
