//! Decides each of the ten decisions for callgrind, which is told to count inside `palisade_measured` alone and to
//! write the count down before each `palisade_done`: `cargo xtask cost`.

use palisade::{PolicySet, Verdict};
use palisade_benches::{ask::Parts, decisions};
use std::hint::black_box;

#[inline(never)]
fn palisade_measured(set: &PolicySet, parts: &Parts<'_>) -> Verdict {
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
