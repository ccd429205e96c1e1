//! Tables of N routes.

use crate::peer::{Make, Peer};
use palisade::CompiledRules;
use palisade_benches::routes;
use std::collections::HashMap;

/// A table of routes.
pub trait Paths {
    /// Returns the number of the route of `path`, if there is one.
    fn route(&self, path: &str) -> Option<u32>;
}

/// Returns all engines, Palisade first.
pub fn all() -> Vec<Peer<dyn Paths>> {
    let all: [(&'static str, Make<dyn Paths>); 4] = [
        ("palisade", |n| Box::new(Palisade(routes::table(n)))),
        ("floor: xxh3 of the path", |_| Box::new(Floor)),
        ("hand-written: hash at each '/'", |n| Box::new(Pieces::new(n))),
        ("matchit", |n| Box::new(Matchit::new(n))),
    ];
    all.into_iter().map(|(name, make)| Peer { name, most: 10_000, make, check }).collect()
}

fn check(table: &dyn Paths, n: usize, name: &str) {
    for i in 0..n {
        assert_eq!(table.route(&routes::hit(i)), Some(i as u32), "{name}: {i}");
        assert_eq!(table.route(&routes::miss(i)), None, "{name}: {i}");
    }
}

struct Palisade(CompiledRules);

impl Paths for Palisade {
    fn route(&self, path: &str) -> Option<u32> {
        routes::find(&self.0, path)
    }
}

struct Floor;

impl Paths for Floor {
    fn route(&self, path: &str) -> Option<u32> {
        Some(xxhash_rust::xxh3::xxh3_64(path.as_bytes()) as u32)
    }
}

/// A map for each kind of route, and a hash of the path up to each `/` that may end a prefix.
#[derive(Default)]
struct Pieces {
    wholes: HashMap<String, u32, ahash::RandomState>,
    prefixes: HashMap<String, u32, ahash::RandomState>,
    /// The routes by the text after the tenant.
    tenants: HashMap<String, u32, ahash::RandomState>,
}

impl Pieces {
    fn new(n: usize) -> Self {
        let mut pieces = Self::default();
        for i in 0..n {
            let (map, key) = match i % 4 {
                0 | 1 => (&mut pieces.prefixes, format!("/svc{i}/")),
                2 => (&mut pieces.wholes, format!("/svc{i}/status")),
                _ => (&mut pieces.tenants, format!("/res{i}")),
            };
            map.insert(key, i as u32);
        }
        pieces
    }
}

impl Paths for Pieces {
    fn route(&self, path: &str) -> Option<u32> {
        if let Some(route) = self.wholes.get(path) {
            return Some(*route);
        }
        let behind = path.strip_prefix("/tenants/").and_then(|rest| rest.get(rest.find('/')?..));
        if let Some(route) = behind.and_then(|behind| self.tenants.get(behind)) {
            return Some(*route);
        }
        // The longest prefix first.
        let mut ends = path.bytes().enumerate().rev().filter(|(_, byte)| *byte == b'/');
        ends.find_map(|(at, _)| self.prefixes.get(&path[..=at]).copied())
    }
}

struct Matchit(matchit::Router<u32>);

impl Matchit {
    fn new(n: usize) -> Self {
        let mut router = matchit::Router::new();
        for i in 0..n {
            let route = match i % 4 {
                0 | 1 => format!("/svc{i}/{{*rest}}"),
                2 => format!("/svc{i}/status"),
                _ => format!("/tenants/{{tenant}}/res{i}"),
            };
            router.insert(route, i as u32).unwrap();
        }
        Self(router)
    }
}

impl Paths for Matchit {
    fn route(&self, path: &str) -> Option<u32> {
        self.0.at(path).ok().map(|found| *found.value)
    }
}
