//! Which of N routes a path takes.

use palisade::CompiledRules;
use palisade_benches::routes;

/// Something that knows N routes.
pub trait Paths {
    /// The number of the route, if there is one.
    fn route(&self, path: &str) -> Option<u32>;
}

/// Makes one with the first N routes.
pub type Make = fn(usize) -> Box<dyn Paths>;

/// Name, and how it is made.
pub fn all() -> Vec<(&'static str, Make)> {
    vec![
        ("palisade", |n| Box::new(Palisade(routes::table(n)))),
        ("floor: xxh3 of the path", |_| Box::new(Floor)),
        ("matchit", |n| Box::new(Matchit::new(n))),
    ]
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
