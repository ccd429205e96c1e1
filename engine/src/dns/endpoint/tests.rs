use crate::dns::{CacheLimits, NameCache};
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

const POD: &str = "foo/sleep";
const NAME: &str = "a.example.";
const OTHER: &str = "b.example.";

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn known(cache: &NameCache, name: &str) -> Vec<String> {
    cache.addresses(name).map(|address| alloc::format!("{address}")).collect()
}

#[test]
fn an_address_that_is_learned_again_counts_towards_the_cap_again() {
    let limits = CacheLimits { max_per_name: 1, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 10_000, 0);
    cache.connect(POD, ip(1));
    cache.advance(10_001);
    cache.learn(POD, NAME, [ip(2)], 1_000_000, 10_001);
    cache.advance(60_000);
    assert_eq!(known(&cache, NAME).len(), 2, "the first is over, and kept by its connection");
    cache.learn(POD, NAME, [ip(1)], 2_000_000, 61_000);
    cache.advance(120_000);
    cache.close(POD, ip(1), 120_000);
    assert_eq!(known(&cache, NAME).len(), 2, "the second is one too many, and its answer still holds");
    cache.advance(1_010_002);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn connection_opened_in_the_grace_survives_a_restart() {
    let limits = CacheLimits { idle_grace: 5_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 10_000, 0);
    let mut cache = NameCache::restore(&cache.save(12_000), limits, 12_000).unwrap();
    cache.connect(POD, ip(1));
    let mut cache = NameCache::restore(&cache.save(13_000), limits, 13_000).unwrap();
    cache.advance(20_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn closing_twice_counts_once() {
    let mut cache = NameCache::new(CacheLimits::default());
    cache.learn(POD, NAME, [ip(1)], 3_000, 0);
    cache.connect(POD, ip(1));
    cache.close(POD, ip(1), 1_000);
    cache.close(POD, ip(1), 1_000);
    cache.connect(POD, ip(1));
    cache.advance(6_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn beyond_the_cap_of_kept_addresses_those_without_a_connection_go_first() {
    let limits = CacheLimits { max_deferred: 1, idle_grace: 100_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 1_000, 0);
    cache.learn(POD, OTHER, [ip(2)], 2_000, 0);
    cache.connect(POD, ip(1));
    cache.advance(3_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"], "expired earlier, and in use");
    assert_eq!(known(&cache, OTHER).len(), 0);
}

#[test]
fn name_with_too_many_kept_addresses_loses_those_that_expired_first() {
    let limits = CacheLimits { max_per_name: 2, idle_grace: 1_000_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    for n in 1..=3 {
        cache.learn(POD, NAME, [ip(n)], 1_000 * u64::from(n), 0);
        cache.advance(1_000 * u64::from(n) + 1);
    }
    cache.advance(59_999);
    assert_eq!(known(&cache, NAME).len(), 3);
    cache.advance(60_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.2", "192.0.2.3"]);
}
