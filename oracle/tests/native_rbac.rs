//! The engine and Envoy's own RBAC decide alike: on the pairs of a fixed seed, and on those of a new one.

use palisade_oracle::{Plan, run};
use std::{
    io::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};

/// Pairs for each seed: `PALISADE_ORACLE_PAIRS`, or as many as continuous integration wants.
fn pairs() -> u64 {
    std::env::var("PALISADE_ORACLE_PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(200_000)
}

fn compare(name: &str, seed: u64) {
    let report = run(&Plan { pairs: pairs(), seed, shrink: 2 }).expect("Envoy runs");
    // Past the test runner, which keeps to itself what a test that passes has printed.
    let _ = writeln!(io::stdout().lock(), "native RBAC, {name} seed {seed}: {report}");
    assert_eq!(report.disagreements, 0, "`cargo xtask differential --seed {seed}` prints them again");
    assert!(report.pairs >= pairs());
    assert!(
        report.passed * 10 > report.pairs && report.passed * 10 < report.pairs * 9,
        "too one-sided to mean much"
    );
}

#[test]
fn both_decide_alike_on_seeds_old_and_new() {
    compare("fixed", 20_261_124);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    compare("new", now.as_secs());
}
