//! Runs each of the ten decisions under callgrind for `cargo xtask cost`. callgrind counts only inside `palisade_measured`
//! and writes the count before each `palisade_done`.

use palisade::{PolicySet, Verdict};
use palisade_benches::{decisions, requests::RequestParts};
use std::hint::black_box;

#[inline(never)]
fn palisade_measured(set: &PolicySet, parts: &RequestParts<'_>) -> Verdict {
    black_box(parts).decide(black_box(set))
}

#[inline(never)]
fn palisade_done(name: &str) {
    println!("{name}");
}

fn main() {
    for decision in decisions::all() {
        decision.run(palisade_measured);
        palisade_done(black_box(decision.name));
    }
}
