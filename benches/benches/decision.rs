//! In-process decisions against the number of rules.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use palisade_benches::PrincipalMethodPath;
use std::hint::black_box;

fn principal_method_path(c: &mut Criterion) {
    let mut group = c.benchmark_group("principal, method, path prefix");
    for n in [1, 10, 100, 1_000, 10_000] {
        let shape = PrincipalMethodPath::new(n);
        group.bench_function(BenchmarkId::new("hit last", n), |b| b.iter(|| shape.hit(black_box(n - 1))));
        group.bench_function(BenchmarkId::new("miss", n), |b| b.iter(|| shape.miss(black_box(n - 1))));
    }
    group.finish();
}

criterion_group!(benches, principal_method_path);
criterion_main!(benches);
