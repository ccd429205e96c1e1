//! Policies evaluate the same request in the engine and in a real Envoy (`palisade_oracle::views`).
//!
//! `PALISADE_VIEW_PAIRS` sets the number of requests and `PALISADE_VIEW_SEED` the seed; `PALISADE_LONG` means five
//! million requests.

use std::env;

const PAIRS: u64 = 20_000;
const PAIRS_LONG: u64 = 5_000_000;

/// Disagreements that are shrunk and printed.
const SHRINK: usize = 20;

fn number(name: &str) -> Option<u64> {
    env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, got `{text}`")))
}

#[test]
fn policies_evaluate_the_same_request_in_engine_and_envoy() {
    let default = if env::var_os("PALISADE_LONG").is_some() { PAIRS_LONG } else { PAIRS };
    let pairs = number("PALISADE_VIEW_PAIRS").unwrap_or(default);
    let seed = number("PALISADE_VIEW_SEED").unwrap_or(1);
    let report = palisade_oracle::views::run(pairs, seed, SHRINK).unwrap();
    println!("{report}");
    assert_eq!(report.disagreements, 0, "{report}");
}
