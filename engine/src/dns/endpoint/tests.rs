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
    assert_eq!(known(&cache, NAME), ["192.0.2.1"], "two live addresses were one too many");
}

#[test]
fn a_connection_made_in_the_grace_outlives_it_across_a_restart() {
    let limits = CacheLimits { idle_grace: 5_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 10_000, 0);
    cache.connect(POD, ip(1));
    cache.close(POD, ip(1), 9_000);
    let mut cache = NameCache::restore(&cache.save(9_500), limits, 9_500).unwrap();
    cache.connect(POD, ip(1));
    cache.advance(20_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn a_connection_closes_once() {
    let limits = CacheLimits { idle_grace: 5_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 3_000, 0);
    cache.connect(POD, ip(1));
    cache.close(POD, ip(1), 1_000);
    cache.close(POD, ip(1), 4_000);
    cache.advance(5_999);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"]);
    cache.advance(6_000);
    assert_eq!(known(&cache, NAME).len(), 0, "the grace runs from the first close");
}

#[test]
fn beyond_the_cap_of_what_is_deferred_the_idle_go_first() {
    let limits = CacheLimits { max_deferred: 1, idle_grace: 100_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 1_000, 0);
    cache.learn(POD, OTHER, [ip(2)], 2_000, 0);
    cache.connect(POD, ip(1));
    cache.connect(POD, ip(2));
    cache.close(POD, ip(2), 500);
    cache.advance(3_000);
    assert_eq!(known(&cache, NAME), ["192.0.2.1"], "over for longer, and in use");
    assert_eq!(known(&cache, OTHER).len(), 0);
}

#[test]
fn what_an_address_beyond_the_cap_kept_goes_with_it() {
    let limits = CacheLimits { max_deferred: 1, idle_grace: 100_000, ..CacheLimits::default() };
    let mut cache = NameCache::new(limits);
    cache.learn(POD, NAME, [ip(1)], 1_000, 0);
    cache.learn(POD, NAME, [ip(2)], 2_000, 0);
    cache.connect(POD, ip(1));
    cache.close(POD, ip(1), 500);
    cache.advance(3_000);
    assert_eq!(known(&cache, NAME).len(), 0);
}
