//! A gateway's day in virtual time: streams, peers that hang, fail, crawl and cheat, under a seed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::time::Duration;

use world::{Behaviour, World};

const SECOND: Duration = Duration::from_secs(1);

/// The failure model the policy was chosen under: per attempt 1 % hang, 0.5 % fail fast, 0.1 % take
/// 3 to 5 s, the others are log-normal with median 0.35 s.
fn usual() -> Behaviour {
    Behaviour {
        hang: 0.01,
        error: 0.005,
        slow: 0.001,
        ..Behaviour::good()
    }
}

#[test]
fn under_the_usual_failures_nothing_is_lost_and_few_attempts_are_wasted() {
    let mut delivered = 0;
    for seed in 0..4 {
        let mut world = World::new(seed, &[usual(), usual(), usual()]);
        world.run(25, 900 * SECOND);
        let report = world.report();
        assert_eq!(report.lost, 0, "seed {seed}: {report:?}");
        assert!(
            report.attempts_per_segment() < 1.06,
            "seed {seed}: {report:?}"
        );
        assert!(
            report.quantile(0.99) < Duration::from_millis(1_350),
            "seed {seed}: {report:?}"
        );
        assert!(
            report.quantile(0.999) < Duration::from_millis(1_900),
            "seed {seed}: {report:?}"
        );
        assert_eq!(report.doubled, 0);
        delivered += report.delivered;
    }
    assert!(delivered > 40_000, "{delivered}");
}

#[test]
fn a_peer_that_freezes_costs_nothing_but_a_moment() {
    for seed in 0..4 {
        let mut world = World::new(
            seed,
            &[Behaviour::good(), Behaviour::good(), Behaviour::good()],
        );
        for round in 0..6u32 {
            world.freeze(
                (round % 3) as usize,
                SECOND * (20 + 60 * round),
                SECOND * 20,
            );
        }
        world.run(20, 400 * SECOND);
        let report = world.report();
        assert_eq!(report.lost, 0, "seed {seed}: {report:?}");
        assert!(
            report.quantile(0.999) < 4 * SECOND,
            "seed {seed}: {report:?}"
        );
        assert!(
            report.attempts_per_segment() < 1.10,
            "seed {seed}: {report:?}"
        );
    }
}

#[test]
fn two_of_three_may_die_at_once() {
    for seed in 0..4 {
        let mut world = World::new(
            seed,
            &[Behaviour::good(), Behaviour::good(), Behaviour::good()],
        );
        world.kill(0, 30 * SECOND, 120 * SECOND);
        world.kill(1, 30 * SECOND, 120 * SECOND);
        world.run(10, 240 * SECOND);
        let report = world.report();
        assert_eq!(report.lost, 0, "seed {seed}: {report:?}");
    }
}

#[test]
fn when_all_die_only_what_falls_due_in_the_outage_is_lost() {
    for seed in 0..4 {
        let mut world = World::new(
            seed,
            &[Behaviour::good(), Behaviour::good(), Behaviour::good()],
        );
        let (from, length) = (30 * SECOND, 20 * SECOND);
        (0..3).for_each(|peer| world.kill(peer, from, length));
        world.run(5, 120 * SECOND);
        let report = world.report();
        // A segment waits for 6 s, so one of the last 6 s of the outage may be served after it.
        let most = 5 * (20 - 6) / 2 + 5;
        assert!(
            report.lost > 0 && report.lost <= most,
            "seed {seed}: {report:?}"
        );
        let back = report.first_delivery_after(from + length).unwrap();
        assert!(back < from + length + 2 * SECOND, "seed {seed}: {back:?}");
    }
}

#[test]
fn one_alone_that_fails_now_and_then_is_asked_again() {
    let flaky = Behaviour {
        error: 0.3,
        ..Behaviour::good()
    };
    let mut world = World::new(1, &[flaky]);
    world.run(2, 300 * SECOND);
    let report = world.report();
    assert_eq!(report.lost, 0, "{report:?}");
}

#[test]
fn a_cheat_is_found_out_once_and_never_asked_again() {
    let cheat = Behaviour {
        fraud: 1.0,
        ..Behaviour::good()
    };
    let mut world = World::new(3, &[cheat, Behaviour::good()]);
    world.run(10, 120 * SECOND);
    let report = world.report();
    assert_eq!(report.lost, 0, "{report:?}");
    assert!(report.attempts_at[0] <= 10, "{report:?}");
}

#[test]
fn a_slow_network_does_not_double_its_own_load() {
    // Everybody takes longer than the segments last: hedging would only make it worse.
    let crawling = Behaviour {
        median: 2.2,
        ..Behaviour::good()
    };
    let mut world = World::new(5, &[crawling, crawling, crawling]);
    world.run(60, 300 * SECOND);
    let report = world.report();
    assert!(report.attempts_per_segment() < 1.25, "{report:?}");
    assert!(report.lost * 100 < report.delivered, "{report:?}");
}

#[test]
fn a_full_peer_is_passed_over_and_nobody_is_ejected_for_it() {
    let full = Behaviour {
        busy: 1.0,
        ..Behaviour::good()
    };
    let mut world = World::new(6, &[full, Behaviour::good(), Behaviour::good()]);
    world.run(10, 60 * SECOND);
    let report = world.report();
    assert_eq!(report.lost, 0, "{report:?}");
    assert_eq!(report.ejected, 0, "{report:?}");
}

#[test]
fn the_same_seed_gives_the_same_day() {
    let report = |seed| {
        let mut world = World::new(seed, &[usual(), usual()]);
        world.run(5, 60 * SECOND);
        format!("{:?}", world.report())
    };
    assert_eq!(report(9), report(9));
    assert_ne!(report(9), report(10));
}
