//! A short day of the market, and the days on which something once went wrong.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use streamflow_sim::{Plan, run};

fn short() -> Plan {
    Plan {
        segments: 10_000,
        ..Plan::default()
    }
}

#[test]
fn every_promise_holds_under_faults_and_every_stream_goes_on_after_them() {
    let mut reached = (0, 0, 0, 0);
    for seed in 1..=4 {
        let report = run(seed, &short(), &mut |_| {}).unwrap_or_else(|violation| {
            panic!("seed {seed}: {violation}");
        });
        assert_eq!(report.delivered + report.lost_in_all(), report.segments);
        assert!(report.segments >= 10_000, "seed {seed}: {report}");
        reached.0 += report.hedges_won;
        reached.1 += report.swaps;
        reached.2 += report.probes;
        reached.3 += report.faults;
    }
    // A run in which nothing happened proves nothing.
    let (hedges_won, swaps, probes, faults) = reached;
    assert!(
        hedges_won > 0 && swaps > 0 && probes > 0 && faults > 50,
        "{reached:?}"
    );
}

#[test]
fn a_seed_repeats_its_day_exactly() {
    let plan = Plan {
        segments: 3_000,
        ..short()
    };
    let day = |seed| run(seed, &plan, &mut |_| {}).unwrap();
    assert_eq!(day(11), day(11));
    assert_ne!(day(11).digest, day(12).digest);
}

#[test]
fn days_on_which_something_went_wrong_go_well_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "seed") {
            continue;
        }
        let (seed, plan) = Plan::parse(&std::fs::read_to_string(&path).unwrap()).unwrap();
        if let Err(violation) = run(seed, &plan, &mut |_| {}) {
            panic!("{}: {violation}", path.display());
        }
    }
}

#[test]
fn a_file_that_names_no_run_is_refused_with_its_line() {
    let error = |text: &str| Plan::parse(text).unwrap_err().to_string();
    assert!(error("streams = 3").contains("no line `seed"));
    assert!(error("seed = 1\nstream = 3").contains("line 2: unknown name `stream`"));
    assert!(error("# a\nseed = x").contains("line 2: seed must be a whole number"));
    assert!(error("seed = 1\nstreams = 0").contains("streams must be 1 to 10000, not 0"));
    let (seed, plan) = Plan::parse("# a day\nseed = 7\nsegments = 500\n").unwrap();
    assert_eq!((seed, plan.segments, plan.streams), (7, 500, 50));
}
