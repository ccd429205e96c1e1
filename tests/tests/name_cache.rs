//! The name cache against a list of observations that is read from front to end (`spec/cilium.md` 3.6).

use core::net::IpAddr;
use palisade::{CacheLimits, NameCache, RestoreError};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use std::collections::{BTreeMap, BTreeSet};

const ENDPOINTS: [&str; 2] = ["foo/a", "foo/b"];
const NAMES: [&str; 3] = ["a.io.", "b.io.", "c.io."];

#[derive(Clone, Debug)]
struct Observation {
    endpoint: usize,
    name: usize,
    ip: u8,
    expires: u64,
    /// Since when a connection keeps it.
    deferred: Option<u64>,
}

/// What the specification says, by plain loops.
#[derive(Clone, Debug)]
struct Model {
    limits: CacheLimits,
    seen: Vec<Observation>,
    alive: BTreeMap<(usize, u8), u32>,
    /// Connections that are over, and how long they still count.
    idle: BTreeMap<(usize, u8), u64>,
    collected: u64,
}

impl Model {
    fn learn(&mut self, endpoint: usize, name: usize, ips: &[u8], ttl: u64, now: u64) {
        let expires = now + ttl.max(self.limits.min_ttl);
        for ip in ips {
            let known = self.seen.iter_mut().find(|o| (o.endpoint, o.name, o.ip) == (endpoint, name, *ip));
            if let Some(known) = known {
                known.expires = known.expires.max(expires);
                known.deferred = None;
            } else if self.seen.iter().filter(|o| o.endpoint == endpoint).count()
                < self.limits.max_per_endpoint
            {
                self.seen.push(Observation { endpoint, name, ip: *ip, expires, deferred: None });
            }
        }
    }

    fn connect(&mut self, endpoint: usize, ip: u8) {
        let keys: BTreeSet<_> =
            self.alive.keys().chain(self.idle.keys()).filter(|k| k.0 == endpoint).collect();
        if keys.len() >= self.limits.max_connections && !keys.contains(&(endpoint, ip)) {
            return;
        }
        self.idle.remove(&(endpoint, ip));
        *self.alive.entry((endpoint, ip)).or_default() += 1;
    }

    fn close(&mut self, endpoint: usize, ip: u8, now: u64) {
        let Some(count) = self.alive.get_mut(&(endpoint, ip)) else { return };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.alive.remove(&(endpoint, ip));
        if self.limits.idle_grace > 0 {
            self.idle.insert((endpoint, ip), now + self.limits.idle_grace);
        }
        self.drop_unkept();
    }

    fn advance(&mut self, now: u64) {
        let kept: Vec<bool> = self.seen.iter().map(|o| self.is_kept(o.endpoint, o.name)).collect();
        for (observation, kept) in self.seen.iter_mut().zip(kept) {
            if observation.deferred.is_none() && observation.expires < now {
                observation.deferred = Some(observation.expires);
                if !kept {
                    observation.ip = u8::MAX;
                }
            }
        }
        self.seen.retain(|o| o.ip != u8::MAX);
        self.idle.retain(|_, until| now < *until);
        self.drop_unkept();
        self.cap();
        let round = now / self.limits.collect_every;
        if round > self.collected {
            self.collected = round;
            self.collect(now);
            self.cap();
        }
    }

    /// Whether a connection to an address of the name keeps what it has.
    fn is_kept(&self, endpoint: usize, name: usize) -> bool {
        self.seen.iter().any(|o| {
            let key = (o.endpoint, o.ip);
            (o.endpoint, o.name) == (endpoint, name)
                && (self.alive.contains_key(&key) || self.idle.contains_key(&key))
        })
    }

    fn drop_unkept(&mut self) {
        let kept: Vec<bool> = self.seen.iter().map(|o| self.is_kept(o.endpoint, o.name)).collect();
        let mut kept = kept.into_iter();
        self.seen.retain(|o| kept.next() == Some(true) || o.deferred.is_none());
    }

    /// At most so many deferred addresses of an endpoint: idle first, then the oldest, then those with fewest names.
    fn cap(&mut self) {
        for endpoint in 0..ENDPOINTS.len() {
            let mut order = Vec::new();
            for ip in 0..=u8::MAX {
                let of_it: Vec<&Observation> = self
                    .seen
                    .iter()
                    .filter(|o| (o.endpoint, o.ip) == (endpoint, ip) && o.deferred.is_some())
                    .collect();
                if let Some(since) = of_it.iter().filter_map(|o| o.deferred).min() {
                    order.push((self.alive.contains_key(&(endpoint, ip)), since, of_it.len(), ip));
                }
            }
            order.sort();
            for (.., ip) in order {
                let deferred = |o: &&Observation| o.endpoint == endpoint && o.deferred.is_some();
                let count = self.seen.iter().filter(deferred).map(|o| o.ip).collect::<BTreeSet<u8>>().len();
                if count > self.limits.max_deferred {
                    self.seen.retain(|o| (o.endpoint, o.ip) != (endpoint, ip) || o.deferred.is_none());
                    self.drop_unkept();
                }
            }
        }
    }

    /// At most so many addresses of a name: those that expire first go as if their time were over.
    fn collect(&mut self, now: u64) {
        for endpoint in 0..ENDPOINTS.len() {
            for name in 0..NAMES.len() {
                let kept = self.is_kept(endpoint, name);
                let of_name =
                    |o: &Observation| (o.endpoint, o.name) == (endpoint, name) && o.deferred.is_none();
                let mut live: Vec<(u64, u8)> =
                    self.seen.iter().filter(|o| of_name(o)).map(|o| (o.expires, o.ip)).collect();
                live.sort();
                live.truncate(live.len().saturating_sub(self.limits.max_per_name));
                let goes = |o: &Observation| of_name(o) && live.contains(&(o.expires, o.ip));
                if kept {
                    self.seen.iter_mut().filter(|o| goes(o)).for_each(|o| o.deferred = Some(now));
                } else {
                    self.seen.retain(|o| !goes(o));
                }
            }
        }
    }

    fn names(&self, ip: u8) -> BTreeSet<&'static str> {
        self.seen.iter().filter(|o| o.ip == ip).map(|o| NAMES[o.name]).collect()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Learn { endpoint: usize, name: usize, ips: Vec<u8>, ttl: u64 },
    Connect { endpoint: usize, ip: u8 },
    Close { endpoint: usize, ip: u8 },
    Wait(u64),
    Restart(u64),
    Forget(usize),
    Delete(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let endpoint = 0..ENDPOINTS.len();
    let name = 0..NAMES.len();
    let ip = 1..6u8;
    prop_oneof![
        6 => (endpoint.clone(), name.clone(), proptest::collection::vec(ip.clone(), 1..4), 0..30u64)
            .prop_map(|(endpoint, name, ips, ttl)| Step::Learn { endpoint, name, ips, ttl }),
        4 => (endpoint.clone(), ip.clone()).prop_map(|(endpoint, ip)| Step::Connect { endpoint, ip }),
        4 => (endpoint.clone(), ip).prop_map(|(endpoint, ip)| Step::Close { endpoint, ip }),
        6 => (0..15u64).prop_map(Step::Wait),
        1 => (0..15u64).prop_map(Step::Restart),
        1 => name.prop_map(Step::Forget),
        1 => endpoint.prop_map(Step::Delete),
    ]
}

fn limits() -> impl Strategy<Value = CacheLimits> {
    (0..10u64, 1..4usize, 0..4usize, select(vec![0, 0, 1, 7]), 1..20u64, 3..12usize, 1..5usize).prop_map(
        |(
            min_ttl,
            max_per_name,
            max_deferred,
            idle_grace,
            collect_every,
            max_per_endpoint,
            max_connections,
        )| {
            CacheLimits {
                min_ttl,
                max_per_name,
                max_deferred,
                idle_grace,
                collect_every,
                max_per_endpoint,
                max_connections,
            }
        },
    )
}

fn address(ip: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, ip])
}

fn config(usual: u32) -> ProptestConfig {
    let wanted = std::env::var("PALISADE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let mut config = ProptestConfig::with_cases(wanted.unwrap_or(usual));
    config.failure_persistence = None;
    config
}

#[test]
fn the_cache_knows_what_the_list_of_observations_says() {
    let mut runner = TestRunner::new(config(3_000));
    let result = runner.run(&(limits(), proptest::collection::vec(step(), 1..40)), |(limits, steps)| {
        let mut cache = NameCache::new(limits);
        let mut model =
            Model { limits, seen: Vec::new(), alive: BTreeMap::new(), idle: BTreeMap::new(), collected: 0 };
        let mut now = 0;
        for step in &steps {
            match step {
                Step::Learn { endpoint, name, ips, ttl } => {
                    let addresses = ips.iter().map(|ip| address(*ip));
                    cache.learn(ENDPOINTS[*endpoint], NAMES[*name], addresses, *ttl, now);
                    model.learn(*endpoint, *name, ips, *ttl, now);
                }
                Step::Connect { endpoint, ip } => {
                    cache.connect(ENDPOINTS[*endpoint], address(*ip));
                    model.connect(*endpoint, *ip);
                }
                Step::Close { endpoint, ip } => {
                    cache.close(ENDPOINTS[*endpoint], address(*ip), now);
                    model.close(*endpoint, *ip, now);
                }
                Step::Wait(time) => {
                    // Until the next change nothing changes: whoever sleeps until then misses nothing.
                    let quiet =
                        cache.next_change().map_or(now + time, |at| at.saturating_sub(1).min(now + time));
                    let before = known(&cache);
                    if quiet > now {
                        let mut early = cache.clone();
                        early.advance(quiet);
                        prop_assert_eq!(known(&early), before, "before {}", quiet);
                    }
                    now += time;
                    cache.advance(now);
                    model.advance(now);
                }
                Step::Restart(time) => {
                    model.advance(now);
                    let saved = cache.save(now);
                    now += time;
                    cache = NameCache::restore(&saved, limits, now).expect("what was saved");
                    model.advance(now);
                }
                Step::Forget(name) => {
                    cache.forget(|n| n == NAMES[*name]);
                    model.seen.retain(|o| o.name != *name);
                }
                Step::Delete(endpoint) => {
                    cache.forget_endpoint(ENDPOINTS[*endpoint]);
                    model.seen.retain(|o| o.endpoint != *endpoint);
                    model.alive.retain(|key, _| key.0 != *endpoint);
                    model.idle.retain(|key, _| key.0 != *endpoint);
                }
            }
            for ip in 1..6 {
                let found: BTreeSet<&str> = cache.names(address(ip)).collect();
                prop_assert_eq!(found, model.names(ip), "{} after {:?} at {}", ip, step, now);
            }
            prop_assert_eq!(cache.len(), model.seen.len());
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

fn known(cache: &NameCache) -> Vec<(u8, Vec<String>)> {
    (1..6).map(|ip| (ip, cache.names(address(ip)).map(str::to_owned).collect())).collect()
}

/// Bytes of any kind are read or refused, and what is refused leaves nothing behind.
#[test]
fn bytes_that_were_not_saved_are_refused() {
    let mut cache = NameCache::default();
    cache.learn(ENDPOINTS[0], NAMES[0], [address(1), address(2)], 1_000, 0);
    cache.connect(ENDPOINTS[0], address(1));
    cache.advance(2_000);
    cache.learn(ENDPOINTS[1], NAMES[1], [address(1)], 1_000, 2_000);
    let saved = cache.save(2_000);
    let drawn =
        (any::<proptest::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..12), any::<bool>());
    let mut runner = TestRunner::new(config(5_000));
    let result = runner.run(&drawn, |(at, bytes, insert)| {
        let at = at.index(saved.len());
        let mut spoiled = saved.clone();
        let end = if insert { at } else { (at + bytes.len()).min(saved.len()) };
        drop(spoiled.splice(at..end, bytes));
        let restored = NameCache::restore(&spoiled, CacheLimits::default(), 2_000);
        prop_assert_eq!(restored.is_ok(), spoiled == saved);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(NameCache::restore(b"", CacheLimits::default(), 0).unwrap_err(), RestoreError::NotACache);
}
