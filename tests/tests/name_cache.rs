//! The DNS cache compared with a list of observations that is read from start to end
//! (docs/semantics/cilium.md#cilium-ttl).

use core::{net::IpAddr, time::Duration};
use palisade::{CacheLimits, DnsCache, RestoreError};
use proptest::{prelude::*, sample::select, test_runner::TestRunner};
use std::collections::{BTreeMap, BTreeSet};

const ENDPOINTS: [&str; 2] = ["foo/a", "foo/b"];
const NAMES: [&str; 3] = ["a.io.", "b.io.", "c.io."];

/// An answer that has not expired.
#[derive(Clone, Debug)]
struct Answer {
    name: usize,
    ip: u8,
    expires: u64,
}

/// An address whose answers have expired.
#[derive(Clone, Debug, Default)]
struct Kept {
    names: BTreeSet<usize>,
    expires: u64,
}

/// One endpoint.
#[derive(Clone, Debug, Default)]
struct Pod {
    answers: Vec<Answer>,
    kept: BTreeMap<u8, Kept>,
    connections: BTreeMap<u8, u32>,
    unsettled: BTreeSet<usize>,
}

impl Pod {
    fn len(&self) -> usize {
        self.answers.len() + self.kept.values().map(|kept| kept.names.len()).sum::<usize>()
    }

    fn learn(&mut self, name: usize, ip: u8, expires: u64, limits: &CacheLimits) {
        let full = self.len() >= limits.max_per_endpoint;
        let known = self.answers.iter_mut().find(|a| (a.name, a.ip) == (name, ip));
        let kept = self.kept.get(&ip).filter(|kept| kept.names.contains(&name)).map(|kept| kept.expires);
        if let Some(known) = known {
            known.expires = known.expires.max(expires);
        } else if kept.is_some() || !full {
            if kept.is_some() {
                self.unkeep(name, ip);
                self.unsettled.insert(name);
            }
            self.answers.push(Answer { name, ip, expires: expires.max(kept.unwrap_or_default()) });
        } else {
            return;
        }
        self.crowd(name, limits);
    }

    fn crowd(&mut self, name: usize, limits: &CacheLimits) {
        let live = self.answers.iter().filter(|a| a.name == name).count();
        let kept = self.kept.values().filter(|kept| kept.names.contains(&name)).count();
        if live > limits.max_per_name || kept > limits.max_per_name {
            self.unsettled.insert(name);
        }
    }

    fn unkeep(&mut self, name: usize, ip: u8) {
        if let Some(kept) = self.kept.get_mut(&ip) {
            kept.names.remove(&name);
        }
        self.kept.retain(|_, kept| !kept.names.is_empty());
    }

    fn keep(&mut self, answer: &Answer, expires: u64) {
        let kept = self.kept.entry(answer.ip).or_default();
        kept.expires = kept.expires.max(expires);
        kept.names.insert(answer.name);
    }

    fn is_alive(&self, ip: u8, now: u64, limits: &CacheLimits) -> bool {
        let kept = self.kept.get(&ip).expect("a kept address");
        self.connections.contains_key(&ip) || now <= kept.expires + limits.idle_grace
    }

    /// Removes the addresses of `name` with a deferred delete. An address stays while it is alive, or while such an address of
    /// one of its names is.
    fn settle(&mut self, name: usize, now: u64, limits: &CacheLimits) {
        let alive = |ip: &u8| self.is_alive(*ip, now, limits);
        let names: BTreeSet<usize> =
            self.kept.iter().filter(|(ip, _)| alive(ip)).flat_map(|(_, kept)| kept.names.clone()).collect();
        if !names.contains(&name) {
            self.kept.retain(|_, kept| !kept.names.contains(&name) || !kept.names.is_disjoint(&names));
        }
    }

    fn settle_names_of(&mut self, ip: u8, now: u64, limits: &CacheLimits) {
        let names = self.kept.get(&ip).map(|kept| kept.names.clone()).unwrap_or_default();
        names.into_iter().for_each(|name| self.settle(name, now, limits));
    }

    fn advance(&mut self, from: u64, now: u64, limits: &CacheLimits) {
        for moment in from + 1..=now {
            let (over, live) = self.answers.drain(..).partition(|a: &Answer| a.expires < moment);
            self.answers = live;
            let mut changed = BTreeSet::new();
            for answer in &over {
                self.keep(answer, answer.expires);
                changed.insert(answer.ip);
            }
            over.iter().for_each(|answer| self.crowd(answer.name, limits));
            let ended = self.kept.iter().filter(|(_, kept)| kept.expires + limits.idle_grace + 1 == moment);
            changed.extend(ended.map(|(ip, _)| *ip));
            changed.into_iter().for_each(|ip| self.settle_names_of(ip, moment, limits));
        }
        self.cap(now, limits);
    }

    /// Returns the order in which addresses with a deferred delete are removed: without a connection, then expired first,
    /// then with the fewest names.
    fn order(&self, ips: impl Iterator<Item = u8>) -> Vec<u8> {
        let rank = |ip: u8| {
            let kept = self.kept.get(&ip).expect("a kept address");
            (self.connections.contains_key(&ip), kept.expires, kept.names.len(), ip)
        };
        let mut ranks: Vec<_> = ips.map(rank).collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|(.., ip)| ip).collect()
    }

    fn evict(&mut self, ip: u8, now: u64, limits: &CacheLimits) {
        let Some(kept) = self.kept.remove(&ip) else { return };
        kept.names.into_iter().for_each(|name| self.settle(name, now, limits));
    }

    fn cap(&mut self, now: u64, limits: &CacheLimits) {
        for ip in self.order(self.kept.keys().copied()) {
            if self.kept.len() > limits.max_deferred {
                self.evict(ip, now, limits);
            }
        }
    }

    fn collect(&mut self, now: u64, limits: &CacheLimits) {
        let names = core::mem::take(&mut self.unsettled);
        for name in &names {
            let mut live: Vec<(u64, u8)> =
                self.answers.iter().filter(|a| a.name == *name).map(|a| (a.expires, a.ip)).collect();
            live.sort_unstable();
            live.truncate(live.len().saturating_sub(limits.max_per_name));
            for (expires, ip) in live {
                self.answers.retain(|a| (a.name, a.ip) != (*name, ip));
                self.keep(&Answer { name: *name, ip, expires }, expires);
            }
        }
        for ip in self.kept.keys().copied().collect::<Vec<_>>() {
            if self.kept.get(&ip).is_some_and(|kept| kept.expires + limits.idle_grace + 1 == now) {
                self.settle_names_of(ip, now, limits);
            }
        }
        self.cap(now, limits);
        for name in &names {
            let of_name = self.kept.iter().filter(|(_, kept)| kept.names.contains(name));
            let mut excess = self.order(of_name.map(|(ip, _)| *ip));
            excess.truncate(excess.len().saturating_sub(limits.max_per_name));
            excess.into_iter().for_each(|ip| self.evict(ip, now, limits));
            self.settle(*name, now, limits);
        }
        self.cap(now, limits);
    }

    /// Restores the endpoint: it keeps the addresses of connections, and the next collection only examines names over the limit.
    fn restart(&mut self, now: u64, limits: &CacheLimits) {
        (0..NAMES.len()).for_each(|name| self.settle(name, now, limits));
        self.unsettled.clear();
        (0..NAMES.len()).for_each(|name| self.crowd(name, limits));
    }
}

/// The specification, as simple loops.
#[derive(Clone, Debug)]
struct Model {
    limits: CacheLimits,
    pods: [Pod; 2],
    now: u64,
    collected: u64,
}

/// The minimum time in milliseconds that an answer with TTL 0 stays valid, until the next collection.
const SHORTEST: u64 = 5_000;

impl Model {
    /// Returns the first collection at `moment` or later. Collections are at multiples of their interval.
    fn collection_from(&self, moment: u64) -> u64 {
        (moment..).find(|at| at % self.limits.collect_every == 0).expect("a multiple")
    }

    fn advance(&mut self, now: u64) {
        let round = now / self.limits.collect_every;
        for pod in &mut self.pods {
            pod.advance(self.now, now, &self.limits);
            if round > self.collected {
                pod.collect(now, &self.limits);
            }
        }
        self.collected = round;
        self.now = now;
    }

    fn names(&self, ip: u8) -> BTreeSet<&'static str> {
        let mut names = BTreeSet::new();
        for pod in &self.pods {
            names.extend(pod.answers.iter().filter(|a| a.ip == ip).map(|a| NAMES[a.name]));
            names.extend(pod.kept.get(&ip).into_iter().flat_map(|kept| &kept.names).map(|name| NAMES[*name]));
        }
        names
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
        1 => (4_980..5_040u64).prop_map(Step::Wait),
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
    let configured = std::env::var("PALISADE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let mut config = ProptestConfig::with_cases(configured.unwrap_or(usual));
    config.failure_persistence = None;
    config
}

#[test]
fn dns_cache_equals_list_of_observations() {
    let mut runner = TestRunner::new(config(3_000));
    let result = runner.run(&(limits(), proptest::collection::vec(step(), 1..40)), |(limits, steps)| {
        let mut cache = DnsCache::new(limits);
        let mut model = Model { limits, pods: Default::default(), now: 0, collected: 0 };
        let mut now = 0;
        for step in &steps {
            match step {
                Step::Learn { endpoint, name, ips, ttl } => {
                    let addresses = ips.iter().map(|ip| address(*ip));
                    cache.record(
                        ENDPOINTS[*endpoint],
                        NAMES[*name],
                        addresses,
                        Duration::from_millis(*ttl),
                        now,
                    );
                    let expires = match (*ttl).max(limits.min_ttl) {
                        0 => model.collection_from(now + SHORTEST) - 1,
                        ttl => now + ttl,
                    };
                    ips.iter().for_each(|ip| model.pods[*endpoint].learn(*name, *ip, expires, &limits));
                }
                Step::Connect { endpoint, ip } => {
                    cache.connect(ENDPOINTS[*endpoint], address(*ip));
                    let known = &mut model.pods[*endpoint].connections;
                    if known.len() < limits.max_connections || known.contains_key(ip) {
                        *known.entry(*ip).or_default() += 1;
                    }
                }
                Step::Close { endpoint, ip } => {
                    cache.close(ENDPOINTS[*endpoint], address(*ip), now);
                    let pod = &mut model.pods[*endpoint];
                    let count = pod.connections.get(ip).copied().unwrap_or_default();
                    if count == 1 {
                        pod.connections.remove(ip);
                        let over = |kept: &Kept| kept.expires + limits.idle_grace < now;
                        if pod.kept.get(ip).is_some_and(over) {
                            pod.settle_names_of(*ip, now, &limits);
                        }
                    } else if count > 1 {
                        pod.connections.insert(*ip, count - 1);
                    }
                }
                Step::Wait(time) => {
                    // Nothing changes before the next announced change, so a caller can sleep until then.
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
                    model.pods.iter_mut().for_each(|pod| pod.restart(now, &limits));
                    now += time;
                    cache = DnsCache::restore(&saved, limits, now).expect("what was saved");
                    model.advance(now);
                }
                Step::Forget(name) => {
                    cache.forget(|n| n == NAMES[*name]);
                    for pod in &mut model.pods {
                        pod.answers.retain(|a| a.name != *name);
                        (1..6).for_each(|ip| pod.unkeep(*name, ip));
                    }
                }
                Step::Delete(endpoint) => {
                    cache.forget_endpoint(ENDPOINTS[*endpoint]);
                    model.pods[*endpoint] = Pod::default();
                }
            }
            for ip in 1..6 {
                let found: BTreeSet<&str> = cache.names(address(ip)).collect();
                prop_assert_eq!(found, model.names(ip), "{} after {:?} at {}", ip, step, now);
            }
            prop_assert_eq!(cache.len(), model.pods.iter().map(Pod::len).sum::<usize>());
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

fn known(cache: &DnsCache) -> Vec<(u8, Vec<String>)> {
    (1..6).map(|ip| (ip, cache.names(address(ip)).map(str::to_owned).collect())).collect()
}

/// Arbitrary bytes are restored or rejected, and rejected bytes change nothing.
#[test]
fn invalid_saved_state_is_rejected_without_effect() {
    let mut cache = DnsCache::default();
    cache.record(ENDPOINTS[0], NAMES[0], [address(1), address(2)], Duration::from_secs(1), 0);
    cache.connect(ENDPOINTS[0], address(1));
    cache.advance(2_000);
    cache.record(ENDPOINTS[1], NAMES[1], [address(1)], Duration::from_secs(1), 2_000);
    let saved = cache.save(2_000);
    let drawn =
        (any::<proptest::sample::Index>(), proptest::collection::vec(any::<u8>(), 0..12), any::<bool>());
    let mut runner = TestRunner::new(config(5_000));
    let result = runner.run(&drawn, |(at, bytes, insert)| {
        let at = at.index(saved.len());
        let mut spoiled = saved.clone();
        let end = if insert { at } else { (at + bytes.len()).min(saved.len()) };
        drop(spoiled.splice(at..end, bytes));
        let restored = DnsCache::restore(&spoiled, CacheLimits::default(), 2_000);
        prop_assert_eq!(restored.is_ok(), spoiled == saved);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(DnsCache::restore(b"", CacheLimits::default(), 0).unwrap_err(), RestoreError::NotACache);
}
