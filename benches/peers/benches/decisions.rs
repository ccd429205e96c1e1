//! Palisade beside its peers, in CPU time of the thread: `cargo xtask bench` runs this and makes the tables.

use cpu_time::ThreadTime;
use criterion::{
    BenchmarkId, Criterion, criterion_group, criterion_main,
    measurement::{Measurement, ValueFormatter, WallTime},
};
use palisade::Verdict;
use palisade_benches::{
    adversarial,
    ask::{Ask, Parts, compile},
    mix, names, principal,
    random::Random,
    routes,
};
use palisade_peers::{all_names, all_paths, all_policies, name_checks};
use std::{hint::black_box, time::Duration};

/// CPU time, which what else runs on the machine disturbs less than it does the clock on the wall.
struct Cpu;

impl Measurement for Cpu {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }
    fn end(&self, start: ThreadTime) -> Duration {
        start.elapsed()
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }
    fn zero(&self) -> Duration {
        Duration::ZERO
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn quick() -> Criterion<Cpu> {
    Criterion::default()
        .with_measurement(Cpu)
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600))
        .without_plots()
}

/// Up to 1024 numbers below `n`, in no order.
fn some(n: usize) -> Vec<usize> {
    let mut random = Random::new(n as u64);
    (0..n.min(1024)).map(|_| random.below(n)).collect()
}

/// One of `items` after the other.
fn cycle<'t, T>(items: &'t [T]) -> impl FnMut() -> &'t T {
    let mut next = 0;
    move || {
        next = if next + 1 < items.len() { next + 1 } else { 0 };
        &items[next]
    }
}

fn policies(c: &mut Criterion<Cpu>) {
    for (name, most, make) in all_policies() {
        let mut group = c.benchmark_group(format!("policies/{name}"));
        for n in [1, 10, 100, 1_000, 10_000].into_iter().filter(|n| *n <= most) {
            let engine = make(n);
            if !name.starts_with("floor") {
                for (ask, allowed) in principal::checks(n) {
                    assert_eq!(engine.allows(&Parts::new(&ask), &ask), allowed, "{name}: {ask:?}");
                }
            }
            let hits: Vec<Ask> = some(n).into_iter().map(principal::hit).collect();
            for (what, asks) in [
                ("last", vec![principal::hit(n - 1)]),
                ("random", hits),
                ("miss", vec![principal::miss(n - 1)]),
            ] {
                let parts: Vec<(Parts<'_>, &Ask)> = asks.iter().map(|ask| (Parts::new(ask), ask)).collect();
                group.bench_function(BenchmarkId::new(what, n), |b| {
                    let mut next = cycle(&parts);
                    b.iter(|| {
                        let (parts, ask) = next();
                        engine.allows(black_box(parts), black_box(ask))
                    });
                });
            }
        }
    }
}

fn mixes(c: &mut Criterion<Cpu>) {
    let mut group = c.benchmark_group("mix/palisade");
    for n in [1_000, 10_000] {
        let set = compile(mix::policies(n));
        let asks = mix::asks(n, 1024);
        let parts: Vec<Parts<'_>> = asks.iter().map(Parts::new).collect();
        assert!(parts.iter().any(|parts| parts.decide(&set) == Verdict::Allow));
        group.bench_function(BenchmarkId::new("random", n), |b| {
            let mut next = cycle(&parts);
            b.iter(|| black_box(next()).decide(&set));
        });
    }
    group.finish();
    let mut group = c.benchmark_group("adversarial/palisade");
    for (name, policies, ask) in adversarial::cases(10_000) {
        let set = compile(policies);
        let parts = Parts::new(&ask);
        group.bench_function(BenchmarkId::new(name, 10_000), |b| b.iter(|| black_box(&parts).decide(&set)));
    }
}

fn fqdn(c: &mut Criterion<Cpu>) {
    for (name, most, make) in all_names() {
        let mut group = c.benchmark_group(format!("names/{name}"));
        for n in [10, 1_000, 10_000, 100_000].into_iter().filter(|n| *n <= most) {
            let set = make(n);
            if !name.starts_with("floor") {
                for (text, matching) in name_checks(n) {
                    assert_eq!(set.matching(&text), matching, "{name}: {text}");
                }
            }
            let hits: Vec<String> = some(n).into_iter().map(names::hit).collect();
            let misses: Vec<String> = some(n).into_iter().map(names::miss).collect();
            for (what, texts) in [("hit", hits), ("miss", misses)] {
                group.bench_function(BenchmarkId::new(what, n), |b| {
                    let mut next = cycle(&texts);
                    b.iter(|| set.matching(black_box(next())));
                });
            }
        }
    }
}

fn paths(c: &mut Criterion<Cpu>) {
    for (name, make) in all_paths() {
        let mut group = c.benchmark_group(format!("paths/{name}"));
        for n in [10, 1_000, 10_000] {
            let table = make(n);
            for i in 0..n {
                let found = table.route(&routes::hit(i));
                assert!(name.starts_with("floor") || found == Some(i as u32), "{name}: {i}");
            }
            let hits: Vec<String> = some(n).into_iter().map(routes::hit).collect();
            let misses: Vec<String> = some(n).into_iter().map(routes::miss).collect();
            for (what, texts) in [("hit", hits), ("miss", misses)] {
                group.bench_function(BenchmarkId::new(what, n), |b| {
                    let mut next = cycle(&texts);
                    b.iter(|| table.route(black_box(next())));
                });
            }
        }
    }
}

criterion_group!(name = benches; config = quick(); targets = policies, mixes, fqdn, paths);
criterion_main!(benches);
