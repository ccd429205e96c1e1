//! N policies of the form "principal X may GET paths below /svcX/", in each engine and as hand-written baselines.

use crate::{
    engine::{PolicyEngine, prefix, spiffe},
    peer::{Make, Peer},
};
use palisade::Verdict;
use palisade_benches::{
    requests::{OwnedRequest, RequestParts},
    principal,
};
use std::collections::HashMap;

/// Returns all engines, Palisade first.
pub fn all() -> Vec<Peer<dyn PolicyEngine>> {
    let hand_written: [(&'static str, usize, Make<dyn PolicyEngine>); 5] = [
        ("palisade", 10_000, |n| Box::new(Palisade(principal::set(n)))),
        ("palisade, and by which rule", 10_000, |n| Box::new(WithReasons(principal::set(n)))),
        ("floor: xxh3 of the input", 10_000, |_| Box::new(Floor)),
        ("hand-written: hash map by principal", 10_000, |n| Box::new(Map::new(n))),
        ("hand-written: linear scan", 10_000, |n| Box::new(Scan::new(n))),
    ];
    #[cfg(feature = "engines")]
    let engines = crate::engines::all();
    #[cfg(not(feature = "engines"))]
    let engines = Vec::new();
    let all = hand_written.into_iter().chain(engines);
    all.map(|(name, most, make)| Peer { name, most, make, check }).collect()
}

fn check(engine: &dyn PolicyEngine, n: usize, name: &str) {
    for (request, allowed) in principal::checks(n) {
        assert_eq!(engine.allows(&RequestParts::new(&request), &request), allowed, "{name}: {request:?}");
    }
}

struct Palisade(palisade::PolicySet);

impl PolicyEngine for Palisade {
    fn allows(&self, parts: &RequestParts<'_>, _: &OwnedRequest) -> bool {
        parts.decide(&self.0) == Verdict::Allow
    }
}

struct WithReasons(palisade::PolicySet);

impl PolicyEngine for WithReasons {
    fn allows(&self, parts: &RequestParts<'_>, _: &OwnedRequest) -> bool {
        parts.decide_with_reasons(&self.0).verdict == Verdict::Allow
    }
}

/// Decides nothing: its time is the minimum for reading the input once.
struct Floor;

impl PolicyEngine for Floor {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        let hash = |text: &str| xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        (hash(&request.identities[0]) ^ hash(&request.path) ^ hash(&request.method)) & 1 == 0
    }
}

struct Map(HashMap<String, (String, String), ahash::RandomState>);

impl Map {
    fn new(n: usize) -> Self {
        Self((0..n).map(|i| (spiffe(i), ("GET".to_owned(), prefix(i)))).collect())
    }
}

impl PolicyEngine for Map {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        let found = self.0.get(&request.identities[0]);
        found.is_some_and(|(method, prefix)| *method == request.method && request.path.starts_with(prefix))
    }
}

struct Scan(Vec<(String, String, String)>);

impl Scan {
    fn new(n: usize) -> Self {
        Self((0..n).map(|i| (spiffe(i), "GET".to_owned(), prefix(i))).collect())
    }
}

impl PolicyEngine for Scan {
    fn allows(&self, _: &RequestParts<'_>, request: &OwnedRequest) -> bool {
        self.0.iter().any(|(principal, method, prefix)| {
            *principal == request.identities[0] && *method == request.method && request.path.starts_with(prefix)
        })
    }
}
