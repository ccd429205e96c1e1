//! Measures the construction of each peer in milliseconds of CPU time and in bytes that stay allocated, for `cargo xtask bench`.

use allocation_counter::measure;
use cpu_time::ThreadTime;
use palisade_peers::{Peer, all_names, all_paths, all_policies};

/// Prints a row for each of `peers` that supports `n`. The time is the shortest of three.
fn rows<T: ?Sized>(what: &str, n: usize, peers: &[Peer<T>]) {
    for peer in peers.iter().filter(|peer| !peer.is_floor() && n <= peer.most) {
        let mut best = f64::INFINITY;
        let mut kept = 0;
        for _ in 0..3 {
            let start = ThreadTime::now();
            let mut made = None;
            let measured = measure(|| made = Some(peer.make(n)));
            best = best.min(start.elapsed().as_secs_f64() * 1e3);
            kept = measured.bytes_current;
            drop(made);
        }
        println!("| {what} | {n} | {} | {best:.1} | {:.0} |", peer.name, kept as f64 / n as f64);
    }
}

fn main() {
    println!("| build | n | | CPU ms | bytes kept, each |\n|---|---:|---|---:|---:|");
    for n in [1_000, 10_000] {
        rows("policies", n, &all_policies());
    }
    for n in [1_000, 10_000, 100_000] {
        rows("names", n, &all_names());
    }
    rows("paths", 1_000, &all_paths());
}
