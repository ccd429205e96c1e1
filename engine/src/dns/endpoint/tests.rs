use crate::dns::{CacheLimits, DnsCache};
use alloc::{string::String, vec::Vec};
use core::{net::IpAddr, time::Duration};

const POD: &str = "foo/sleep";
const NAME: &str = "a.example.";
const OTHER: &str = "b.example.";

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn addresses(cache: &DnsCache, name: &str) -> Vec<String> {
    cache.addresses(name).map(|address| alloc::format!("{address}")).collect()
}

#[test]
fn address_recorded_again_counts_towards_the_limit() {
    let limits = CacheLimits { max_per_name: 1, ..CacheLimits::default() };
    let mut cache = DnsCache::new(limits);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(10_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(10_001);
    cache.record(POD, NAME, [ip(2)], Duration::from_millis(1_000_000), 10_001);
    cache.advance(60_000);
    assert_eq!(addresses(&cache, NAME).len(), 2, "a connection keeps the expired address");
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(2_000_000), 61_000);
    cache.advance(120_000);
    cache.close(POD, ip(1), 120_000);
    assert_eq!(addresses(&cache, NAME).len(), 2, "the second address is over the limit and has not expired");
    cache.advance(1_010_002);
    assert_eq!(addresses(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn connection_opened_in_the_idle_grace_survives_a_restart() {
    let limits = CacheLimits { idle_grace: 5_000, ..CacheLimits::default() };
    let mut cache = DnsCache::new(limits);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(10_000), 0);
    let mut cache = DnsCache::restore(&cache.save(12_000), limits, 12_000).unwrap();
    cache.connect(POD, ip(1));
    let mut cache = DnsCache::restore(&cache.save(13_000), limits, 13_000).unwrap();
    cache.advance(20_000);
    assert_eq!(addresses(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn connection_closed_twice_counts_once() {
    let mut cache = DnsCache::new(CacheLimits::default());
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(3_000), 0);
    cache.connect(POD, ip(1));
    cache.close(POD, ip(1), 1_000);
    cache.close(POD, ip(1), 1_000);
    cache.connect(POD, ip(1));
    cache.advance(6_000);
    assert_eq!(addresses(&cache, NAME), ["192.0.2.1"]);
}

#[test]
fn zombie_without_connection_is_evicted_first() {
    let limits = CacheLimits { max_deferred: 1, idle_grace: 100_000, ..CacheLimits::default() };
    let mut cache = DnsCache::new(limits);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(1_000), 0);
    cache.record(POD, OTHER, [ip(2)], Duration::from_millis(2_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(3_000);
    assert_eq!(addresses(&cache, NAME), ["192.0.2.1"], "expired earlier, but has a connection");
    assert_eq!(addresses(&cache, OTHER).len(), 0);
}

#[test]
fn name_over_the_zombie_limit_loses_the_oldest() {
    let limits = CacheLimits { max_per_name: 2, idle_grace: 1_000_000, ..CacheLimits::default() };
    let mut cache = DnsCache::new(limits);
    for n in 1..=3 {
        cache.record(POD, NAME, [ip(n)], Duration::from_millis(1_000 * u64::from(n)), 0);
        cache.advance(1_000 * u64::from(n) + 1);
    }
    cache.advance(59_999);
    assert_eq!(addresses(&cache, NAME).len(), 3);
    cache.advance(60_000);
    assert_eq!(addresses(&cache, NAME), ["192.0.2.2", "192.0.2.3"]);
}
