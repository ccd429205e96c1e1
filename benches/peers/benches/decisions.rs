//! Compares Palisade with its peers in CPU time of the thread. `cargo xtask bench` runs this and prints the tables.
//!
//! Engines with the same requests are measured in direct succession, so that other work on the machine affects all of them.

mod cpu;

use cpu::{Cpu, cycle, some};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use palisade_benches::{
    requests::{OwnedRequest, RequestParts, compile},
    mix, names, principal, routes,
};
use palisade_peers::{all_names, all_paths, all_policies};
use std::{hint::black_box, time::Duration};

fn settings() -> Criterion<Cpu> {
    Criterion::default()
        .with_measurement(Cpu)
        .sample_size(10)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
        .without_plots()
}

/// Measures `run` on each of `items` in turn, as `shape/name/what/n`.
fn bench<T, R>(
    c: &mut Criterion<Cpu>,
    group: &str,
    (what, n): (&str, usize),
    items: &[T],
    run: impl Fn(&T) -> R,
) {
    c.benchmark_group(group).bench_function(BenchmarkId::new(what, n), |b| {
        let mut next = cycle(items);
        b.iter(|| run(black_box(next())));
    });
}

fn policies(c: &mut Criterion<Cpu>) {
    for n in [1, 10, 100, 1_000, 10_000] {
        let peers: Vec<_> = all_policies().into_iter().filter(|peer| n <= peer.most).collect();
        let engines: Vec<_> = peers.iter().map(|peer| (peer.name, peer.checked(n))).collect();
        let random = some(n).into_iter().map(principal::hit).collect();
        for (what, requests) in [
            ("last", vec![principal::hit(n - 1)]),
            ("random", random),
            ("miss", vec![principal::miss(n - 1)]),
        ] {
            let parts: Vec<(RequestParts<'_>, &OwnedRequest)> = requests.iter().map(|request| (RequestParts::new(request), request)).collect();
            for (name, engine) in &engines {
                bench(c, &format!("policies/{name}"), (what, n), &parts, |(parts, request)| {
                    engine.allows(parts, request)
                });
            }
        }
    }
}

fn mixes(c: &mut Criterion<Cpu>) {
    for n in [1_000, 10_000] {
        let set = compile(mix::policies(n));
        let requests = mix::requests(n, 1024);
        let parts: Vec<RequestParts<'_>> = requests.iter().map(RequestParts::new).collect();
        bench(c, "mix/palisade", ("average of 1,024 requests", n), &parts, |parts| parts.decide(&set));
    }
}

fn fqdn(c: &mut Criterion<Cpu>) {
    for n in [10, 100, 1_000, 10_000, 100_000] {
        let peers: Vec<_> = all_names().into_iter().filter(|peer| n <= peer.most).collect();
        let sets: Vec<_> = peers.iter().map(|peer| (peer.name, peer.checked(n))).collect();
        let hits = some(n).into_iter().map(names::hit).collect();
        let misses = some(n).into_iter().map(names::miss).collect();
        for (what, texts) in [("hit", hits), ("miss", misses)] {
            let texts: Vec<String> = texts;
            for (name, set) in &sets {
                bench(c, &format!("names/{name}"), (what, n), &texts, |text| set.matching(text));
            }
        }
    }
}

fn paths(c: &mut Criterion<Cpu>) {
    for n in [10, 100, 1_000, 10_000] {
        let tables: Vec<_> = all_paths().iter().map(|peer| (peer.name, peer.checked(n))).collect();
        let hits = some(n).into_iter().map(routes::hit).collect();
        let misses = some(n).into_iter().map(routes::miss).collect();
        for (what, texts) in [("hit", hits), ("miss", misses)] {
            let texts: Vec<String> = texts;
            for (name, table) in &tables {
                bench(c, &format!("paths/{name}"), (what, n), &texts, |text| table.route(text));
            }
        }
    }
}

/// Measures Palisade natively and in wasmtime, if `PALISADE_GUEST` names the module.
#[cfg(feature = "wasm")]
fn wasm(c: &mut Criterion<Cpu>) {
    use cpu_time::ThreadTime;
    use palisade_guest::{Questions, Shape};

    let Some(module) = std::env::var_os("PALISADE_GUEST") else {
        return eprintln!("PALISADE_GUEST names no module: wasm is not measured");
    };
    let mut timed = |group: &str, (what, n), decide: &mut dyn FnMut(u32) -> u32| {
        c.benchmark_group(group).bench_function(BenchmarkId::new(what, n), |b| {
            b.iter_custom(|count| {
                let start = ThreadTime::now();
                black_box(decide(u32::try_from(count).expect("fewer decisions")));
                start.elapsed()
            });
        });
    };
    for (shape, what, sizes) in [
        (Shape::Principal, "principal, at random", [10, 1_000, 10_000].as_slice()),
        (Shape::Mix, "mix", &[1_000, 10_000]),
    ] {
        for &n in sizes {
            let mut native = Questions::new(shape, n);
            let mut guest = palisade_peers::Guest::new(module.as_ref(), shape, n);
            assert_eq!(native.decide(1024), guest.decide(1024), "{what} {n}");
            timed("wasm/palisade", (what, n), &mut |count| native.decide(count));
            timed("wasm/palisade in wasmtime", (what, n), &mut |count| guest.decide(count));
        }
    }
}

#[cfg(not(feature = "wasm"))]
fn wasm(_: &mut Criterion<Cpu>) {}

criterion_group!(name = benches; config = settings(); targets = policies, mixes, fqdn, paths, wasm);
criterion_main!(benches);
