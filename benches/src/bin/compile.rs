//! Measures the compilation of policies in milliseconds of CPU time and in bytes that stay allocated, for `cargo xtask bench`.

use allocation_counter::measure;
use cpu_time::ThreadTime;
use palisade::{Cluster, FqdnSet, Options, PolicySet, Workload, manifest, resource::Resources};
use palisade_benches::{mix, names, principal, requests::compile};
use serde_json::Value;
use std::{fmt::Write, hint::black_box};

/// Returns the shortest of three times and the bytes that the result keeps.
fn row<T>(name: &str, n: usize, mut make: impl FnMut() -> T) {
    let mut best = f64::INFINITY;
    let mut kept = 0;
    for _ in 0..3 {
        let start = ThreadTime::now();
        let mut made = None;
        let measured = measure(|| made = Some(black_box(make())));
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        kept = measured.bytes_current;
        drop(made);
    }
    println!("| {name} | {n} | {best:.1} | {:.0} |", kept as f64 / n as f64);
}

fn yaml(policies: &[Value]) -> String {
    policies.iter().fold(String::new(), |mut text, policy| {
        let _ = writeln!(text, "---\n{policy}");
        text
    })
}

/// Returns policies in the style of hand-written ones.
fn block_yaml(n: usize) -> String {
    (0..n).fold(String::new(), |mut text, i| {
        let _ = writeln!(
            text,
            "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: allow-{i}\n  \
             namespace: foo\nspec:\n  action: ALLOW\n  rules:\n  - from:\n    - source:\n        principals:\n        - \
             cluster.local/ns/ns{i}/sa/sa{i}\n    to:\n    - operation:\n        methods: [GET]\n        paths:\n        - \
             /svc{i}/*"
        );
        text
    })
}

fn ready(text: &str) -> PolicySet {
    let mut resources = Resources::default();
    assert!(manifest::load("policies.yaml", text, &mut resources).is_empty());
    let (cluster, _) = Cluster::new(resources);
    PolicySet::compile(&cluster, &Workload::new("foo", [("app", "sample")], "sample"), &Options::default())
}

fn main() {
    println!("| compile | n | CPU ms | bytes kept, each |\n|---|---:|---:|---:|");
    for n in [1_000, 10_000] {
        let policies: Vec<Value> = (0..n).map(principal::one).collect();
        row("principal shape, from JSON values", n, || compile(policies.iter().cloned()));
        let text = block_yaml(n);
        row("principal shape, from YAML", n, || ready(&text));
        let flow = yaml(&policies);
        row("principal shape, from JSON text read as YAML", n, || ready(&flow));
        let mixed = mix::policies(n);
        row("realistic mix, from JSON values", n, || compile(mixed.iter().cloned()));
    }
    for n in [10_000, 100_000] {
        let patterns = names::patterns(n);
        row("DNS patterns", n, || FqdnSet::new(&patterns));
    }
}
