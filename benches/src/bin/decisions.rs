//! Decides each of the ten decisions for callgrind, which is told to count inside `palisade_measured` alone and to
//! write the count down before each `palisade_done`: `cargo xtask cost`.

use cpu_time::ThreadTime;
use palisade::{PolicySet, Verdict};
use palisade_benches::{ask::Parts, decisions};
use std::{env, hint::black_box};

#[inline(never)]
fn palisade_measured(set: &PolicySet, parts: &Parts<'_>) -> Verdict {
    black_box(parts).decide(black_box(set))
}

#[inline(never)]
fn palisade_done(name: &str) {
    println!("{name}");
}

/// With `--time`, nanoseconds of CPU instead; the best of some rounds.
fn time() {
    for decision in decisions::all() {
        let mut best = f64::INFINITY;
        for _ in 0..20 {
            decision.run(|set, parts| {
                let rounds = 20_000;
                let start = ThreadTime::now();
                for _ in 1..rounds {
                    palisade_measured(set, parts);
                }
                best = best.min(start.elapsed().as_nanos() as f64 / f64::from(rounds - 1));
                palisade_measured(set, parts)
            });
        }
        println!("{:<40} {best:>10.1}", decision.name);
    }
}

fn main() {
    if env::args().any(|argument| argument == "--time") {
        return time();
    }
    for decision in decisions::all() {
        decision.run(palisade_measured);
        palisade_done(black_box(decision.name));
    }
}
