//! Whatever happens in whatever order, a pool keeps its promises.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use streamflow_sessions::pool::MAX_SEGMENTS;
use streamflow_sessions::{
    Action, AttemptEnd, AttemptId, Failure, GaveUp, Input, Offer, Outcome, Peer, Pool,
    PoolSettings, Record, Segment, SegmentKey,
};

#[derive(Clone, Debug)]
enum Step {
    Segment {
        duration_ms: u64,
        sound: bool,
    },
    /// Ends one of the running attempts, or one long gone.
    Finish {
        which: usize,
        how: u8,
    },
    Offers {
        mask: u8,
        last_tier: u8,
    },
    Wait {
        ms: u64,
    },
    /// Jumps to what the pool waits for.
    Due,
    Swap,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u64..5_000, any::<bool>())
            .prop_map(|(duration_ms, sound)| Step::Segment { duration_ms, sound }),
        6 => (any::<usize>(), 0u8..6).prop_map(|(which, how)| Step::Finish { which, how }),
        1 => (any::<u8>(), 0u8..3).prop_map(|(mask, last_tier)| Step::Offers { mask, last_tier }),
        2 => (0u64..9_000).prop_map(|ms| Step::Wait { ms }),
        4 => Just(Step::Due),
        1 => Just(Step::Swap),
    ]
}

fn end(how: u8) -> AttemptEnd {
    match how {
        0 | 1 => AttemptEnd::Done,
        2 => AttemptEnd::Failed(Failure::Broken),
        3 => AttemptEnd::Failed(Failure::Busy {
            retry_after: Duration::from_secs(1),
        }),
        4 => AttemptEnd::Failed(Failure::BadSegment),
        _ => AttemptEnd::Failed(Failure::Fraud),
    }
}

struct Driver {
    now: Instant,
    pool: Pool,
    record: Record,
    rng: StdRng,
    open: BTreeMap<u64, Instant>,
    running: Vec<(AttemptId, SegmentKey, Peer)>,
    cheats: BTreeSet<Peer>,
}

impl Driver {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test has no driver to ask for the time"
    )]
    fn new(max_failures: Option<u32>) -> Self {
        Self {
            now: Instant::now(),
            pool: Pool::new(PoolSettings {
                max_failures,
                ..PoolSettings::default()
            }),
            record: Record::new(),
            rng: StdRng::seed_from_u64(1),
            open: BTreeMap::new(),
            running: Vec::new(),
            cheats: BTreeSet::new(),
        }
    }

    fn feed(&mut self, input: Input) {
        self.pool
            .handle(self.now, input, &mut self.record, &mut self.rng);
        while let Some(action) = self.pool.poll() {
            match action {
                Action::Submit {
                    attempt,
                    segment,
                    peer,
                    ..
                } => {
                    assert!(self.open.contains_key(&segment.0), "{segment:?} is over");
                    assert!(!self.cheats.contains(&peer), "{peer} cheated");
                    let twice = self
                        .running
                        .iter()
                        .any(|(_, s, p)| *s == segment && *p == peer);
                    assert!(!twice, "{segment:?} twice at {peer}");
                    self.running.push((attempt, segment, peer));
                }
                Action::CallOff { attempt } => {
                    let at = self.running.iter().position(|(id, ..)| *id == attempt);
                    self.running
                        .remove(at.expect("only what runs is called off"));
                }
                Action::Settle { segment, outcome } => {
                    let due = self
                        .open
                        .remove(&segment.0)
                        .expect("settled once, while open");
                    if outcome == Outcome::GaveUp(GaveUp::Deadline) {
                        assert!(due <= self.now, "given up too early");
                    }
                }
                Action::Search => {}
            }
        }
        for due in self.open.values() {
            assert!(*due > self.now, "a segment outlived its deadline");
        }
        assert!(self.pool.in_flight() <= MAX_SEGMENTS);
        assert_eq!(self.pool.in_flight(), self.open.len());
        assert!(self.running.len() <= MAX_SEGMENTS * 24 + 8);
        if !self.open.is_empty() {
            let due = self.pool.deadline().expect("something is waited for");
            assert!(due > self.now, "the pool would spin");
        }
    }

    fn take(&mut self, key: u64, step: Step) {
        match step {
            Step::Segment { duration_ms, sound } => {
                let patience = Duration::from_millis(duration_ms * 3).max(Duration::from_secs(6));
                self.open.insert(key, self.now + patience);
                let duration = Duration::from_millis(duration_ms);
                let segment = Segment {
                    key: SegmentKey(key),
                    duration,
                    patience,
                    sound,
                };
                self.feed(Input::Segment(segment));
            }
            Step::Finish { which, how } => {
                let attempt = if self.running.is_empty() {
                    AttemptId(which as u64)
                } else {
                    let (id, _, peer) = self.running.remove(which % self.running.len());
                    if how > 4 {
                        self.cheats.insert(peer);
                    }
                    id
                };
                self.feed(Input::Finished {
                    attempt,
                    end: end(how),
                });
            }
            Step::Offers { mask, last_tier } => {
                let offers = (0..4u8).filter(|i| mask & (1 << i) != 0).map(|i| Offer {
                    peer: Peer::new(&format!("o{i}")),
                    tier: if i == 3 { last_tier } else { 0 },
                    domain: u64::from(i / 2),
                    weight: 1.0,
                });
                self.feed(Input::Offers {
                    offers: offers.collect(),
                    known: 4,
                });
            }
            Step::Wait { ms } => {
                let until = self.now + Duration::from_millis(ms);
                while let Some(due) = self.pool.deadline().filter(|due| *due <= until) {
                    self.now = due.max(self.now);
                    self.feed(Input::Tick);
                }
                self.now = until;
                self.feed(Input::Tick);
            }
            Step::Due => {
                if let Some(due) = self.pool.deadline() {
                    self.now = due.max(self.now);
                    self.feed(Input::Tick);
                }
            }
            Step::Swap => self.feed(Input::Swap),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_segment_has_one_outcome_and_nothing_is_left_behind(
        steps in prop::collection::vec(step(), 1..120),
        max_failures in prop::option::of(1u32..5),
    ) {
        let mut driver = Driver::new(max_failures);
        for (key, step) in steps.into_iter().enumerate() {
            driver.take(key as u64, step);
        }
        driver.feed(Input::Ended);
        driver.feed(Input::Abandon);
        prop_assert!(driver.pool.is_done());
        prop_assert!(driver.open.is_empty());
        prop_assert!(driver.running.is_empty(), "{:?}", driver.running);
        for i in 0..4 {
            let view = driver.record.view(driver.now, &Peer::new(&format!("o{i}")));
            prop_assert!(view.is_none_or(|view| view.in_flight == 0));
        }
    }
}

fn peers(number: usize) -> Input {
    let offers = (0..number).map(|i| Offer {
        peer: Peer::new(&format!("o{i}")),
        tier: 0,
        domain: i as u64,
        weight: 1.0,
    });
    Input::Offers {
        offers: offers.collect(),
        known: number,
    }
}

#[test]
fn a_segment_nobody_would_take_is_given_up_at_once() {
    let mut driver = Driver::new(None);
    let segment = Step::Segment {
        duration_ms: 2_000,
        sound: true,
    };
    driver.take(1, segment.clone());
    assert_eq!(driver.open.len(), 1, "it waits for the first offers");
    driver.feed(peers(0));
    assert!(driver.open.is_empty());
    driver.take(2, segment);
    assert!(driver.open.is_empty());
}

#[test]
fn one_peer_alone_is_not_believed_that_a_sound_segment_is_bad() {
    let mut driver = Driver::new(None);
    driver.feed(peers(3));
    for sound in [true, false] {
        driver.take(
            u64::from(sound),
            Step::Segment {
                duration_ms: 2_000,
                sound,
            },
        );
        let accused = driver.running.remove(0);
        let end = AttemptEnd::Failed(Failure::BadSegment);
        driver.feed(Input::Finished {
            attempt: accused.0,
            end,
        });
        assert_eq!(driver.open.len(), usize::from(sound));
        if let Some((second, _, peer)) = driver.running.pop() {
            assert_ne!(peer, accused.2);
            let end = AttemptEnd::Failed(Failure::BadSegment);
            driver.feed(Input::Finished {
                attempt: second,
                end,
            });
        }
        assert!(driver.open.is_empty(), "two agree");
    }
}

#[test]
fn the_next_tier_takes_over_at_once_when_the_first_fails() {
    let mut driver = Driver::new(None);
    let offer = |name: &str, tier| Offer {
        peer: Peer::new(name),
        tier,
        domain: u64::from(tier),
        weight: 1.0,
    };
    driver.feed(Input::Offers {
        offers: vec![offer("local", 1), offer("o", 0)],
        known: 1,
    });
    driver.take(
        1,
        Step::Segment {
            duration_ms: 2_000,
            sound: true,
        },
    );
    let (attempt, _, peer) = driver.running.remove(0);
    assert_eq!(peer.as_str(), "o");
    driver.feed(Input::Finished {
        attempt,
        end: AttemptEnd::Failed(Failure::Broken),
    });
    let (attempt, _, peer) = driver.running.remove(0);
    assert_eq!(peer.as_str(), "local");
    driver.feed(Input::Finished {
        attempt,
        end: AttemptEnd::Done,
    });
    assert!(driver.open.is_empty());
    // The network gets the next one again.
    driver.take(
        2,
        Step::Segment {
            duration_ms: 2_000,
            sound: true,
        },
    );
    assert_eq!(driver.running[0].2.as_str(), "o");
}

#[test]
fn a_swap_moves_the_stream_to_somebody_else() {
    let mut driver = Driver::new(None);
    driver.feed(peers(3));
    let segment = Step::Segment {
        duration_ms: 2_000,
        sound: true,
    };
    driver.take(1, segment.clone());
    let (attempt, _, first) = driver.running.remove(0);
    driver.feed(Input::Finished {
        attempt,
        end: AttemptEnd::Done,
    });
    driver.take(2, segment.clone());
    let (attempt, _, second) = driver.running.remove(0);
    assert_eq!(first, second, "a stream stays where it is served well");
    driver.feed(Input::Finished {
        attempt,
        end: AttemptEnd::Done,
    });
    driver.feed(Input::Swap);
    driver.take(3, segment);
    assert_ne!(driver.running[0].2, first);
}
