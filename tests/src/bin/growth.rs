//! Loads, checks and decides on inputs of two sizes for callgrind, which counts inside `palisade_measured` alone and
//! writes the count down before each `palisade_done`: the test `growth`.

use palisade::{
    Options,
    flow::{Flow, History, HttpRequest, Simulation},
};
use palisade_cases::{Access, Manifests};
use palisade_tests::growth::{KINDS, Kind};
use std::{env, fs, hint::black_box, path::Path};

#[inline(never)]
fn palisade_measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn palisade_done(line: &str) {
    println!("{line}");
}

fn main() {
    let folder = env::args().nth(1).expect("a folder for the manifests");
    let only = env::args().nth(2);
    for kind in KINDS.iter().filter(|kind| only.as_deref().is_none_or(|part| kind.name.contains(part))) {
        for count in [kind.items, 2 * kind.items] {
            measure(Path::new(&folder), kind, count);
        }
    }
}

fn measure(folder: &Path, kind: &Kind, count: usize) {
    let file = folder.join("all.yaml");
    fs::write(&file, kind.manifests(count)).expect("the manifests are written");
    let options = Options::default();
    let done = |stage: &str| palisade_done(&format!("{}, {stage}", kind.name));
    let manifests = palisade_measured(|| Manifests::load(&[file], &Access::default()));
    done("load");
    let findings = palisade_measured(|| manifests.lint(&options));
    done("lint");
    drop(findings);
    palisade_measured(|| {
        let simulation = Simulation::new(&manifests.cluster, options);
        let mut flow = Flow::new("shop/web", "shop/db", 80);
        flow.http = Some(HttpRequest::new("GET", "/p1/x", "db.shop"));
        black_box(simulation.decide(&flow, &History::default())).expect("a decision");
        let flow = Flow::new("shop/db", "shop/web", 80);
        black_box(simulation.decide(&flow, &History::default())).expect("a decision");
    });
    done("decide");
}
