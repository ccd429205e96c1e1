use super::*;
use alloc::string::ToString;

const POD: &str = "foo/sleep";
const NAME: &str = "a.example.";

fn ip(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

fn cache(limits: CacheLimits) -> DnsCache {
    let mut cache = DnsCache::new(limits);
    assert_eq!(cache.record(POD, NAME, [ip(1), ip(2)], Duration::from_millis(10_000), 0), 2);
    cache
}

fn addresses(cache: &DnsCache) -> Vec<alloc::string::String> {
    cache.addresses(NAME).map(|a| a.to_string()).collect()
}

#[test]
fn address_is_valid_until_the_last_millisecond() {
    let mut cache = cache(CacheLimits::default());
    assert_eq!(cache.next_change(), Some(10_001));
    cache.advance(10_000);
    assert!(cache.names(ip(1)).eq([NAME]));
    cache.advance(10_001);
    assert_eq!((cache.names(ip(1)).count(), cache.next_change()), (0, None));
    assert!(cache.endpoints.is_empty() && cache.index.is_empty());
}

#[test]
fn longer_of_two_answers_applies() {
    let mut cache = cache(CacheLimits::default());
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(20_000), 0);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(1_000), 0);
    cache.advance(10_001);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
    cache.advance(20_001);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn minimum_ttl_extends_a_shorter_ttl() {
    let mut cache = cache(CacheLimits { min_ttl: 60_000, ..CacheLimits::default() });
    cache.advance(60_000);
    assert_eq!(addresses(&cache).len(), 2);
    cache.advance(60_001);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn answer_with_ttl_zero_lasts_until_a_collection_at_least_five_seconds_later() {
    for (now, end) in [(0, 60_000), (55_000, 60_000), (55_001, 120_000), (60_000, 120_000)] {
        let mut cache = DnsCache::new(CacheLimits::default());
        cache.advance(now);
        cache.record(POD, NAME, [ip(1)], Duration::from_millis(0), now);
        cache.advance(end - 1);
        assert_eq!(addresses(&cache), ["192.0.2.1"], "{now}");
        cache.advance(end);
        assert_eq!(addresses(&cache).len(), 0, "{now}");
    }
}

#[test]
fn open_connection_keeps_an_answer_with_ttl_zero() {
    let mut cache = DnsCache::new(CacheLimits::default());
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(0), 0);
    cache.connect(POD, ip(1));
    cache.advance(60_000);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
    cache.close(POD, ip(1), 60_000);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn names_after_returns_the_names_in_parts() {
    let mut cache = DnsCache::new(CacheLimits::default());
    for name in ["a.", "b.", "c."] {
        cache.record(POD, name, [ip(1)], Duration::from_millis(10_000), 0);
    }
    let part = |after, most| cache.names_after(ip(1), after, most);
    assert_eq!(part(None, 2), ["a.".into(), "b.".into()]);
    assert_eq!(part(Some("b."), 2), ["c.".into()]);
    assert!(part(Some("c."), 2).is_empty() && cache.names_after(ip(2), None, 2).is_empty());
    let view = DnsCache::of_names(ip(1), part(None, 9));
    assert!(view.names(ip(1)).eq(["a.", "b.", "c."]) && view.names(ip(2)).next().is_none());
}

#[test]
fn open_connection_keeps_every_address_of_its_name() {
    let mut cache = cache(CacheLimits::default());
    assert!(cache.connect(POD, ip(1)));
    cache.connect(POD, ip(1));
    cache.advance(20_000);
    cache.close(POD, ip(1), 20_000);
    assert_eq!(addresses(&cache).len(), 2, "one of two connections is still open");
    cache.close(POD, ip(1), 20_000);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn connection_of_another_endpoint_keeps_no_address() {
    let mut cache = cache(CacheLimits::default());
    cache.connect("foo/other", ip(1));
    cache.advance(10_001);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn idle_grace_starts_at_expiry_with_and_without_a_connection() {
    let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
    cache.advance(15_000);
    assert_eq!((addresses(&cache).len(), cache.next_change()), (2, Some(15_001)));
    cache.advance(15_001);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn connection_closed_after_the_idle_grace_keeps_no_address() {
    let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
    cache.connect(POD, ip(1));
    cache.advance(60_000);
    assert_eq!((addresses(&cache).len(), cache.next_change()), (2, None));
    cache.close(POD, ip(1), 60_000);
    assert_eq!(addresses(&cache).len(), 0);
}

#[test]
fn connection_opened_in_the_idle_grace_keeps_the_address() {
    let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
    cache.advance(12_000);
    cache.connect(POD, ip(1));
    cache.advance(60_000);
    assert_eq!(addresses(&cache).len(), 2);
}

#[test]
fn connection_to_unexpired_address_keeps_no_other_address() {
    let mut cache = DnsCache::new(CacheLimits::default());
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(5_000_000), 0);
    cache.record(POD, NAME, [ip(2)], Duration::from_millis(60_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(2_000_000);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
}

#[test]
fn zombie_keeps_its_names_but_no_addresses_of_the_others() {
    let mut cache = DnsCache::new(CacheLimits::default());
    cache.record(POD, NAME, [ip(1), ip(2)], Duration::from_millis(10_000), 0);
    cache.record(POD, "b.example.", [ip(2), ip(3)], Duration::from_millis(10_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(20_000);
    assert!(cache.names(ip(2)).eq([NAME, "b.example."]));
    assert_eq!(cache.names(ip(3)).count(), 0);
}

#[test]
fn new_answer_ends_other_zombies_of_the_name_at_the_next_collection() {
    let mut cache = cache(CacheLimits::default());
    cache.connect(POD, ip(1));
    cache.advance(20_000);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(1_000_000), 20_000);
    cache.advance(59_999);
    assert_eq!((addresses(&cache).len(), cache.next_change()), (2, Some(60_000)));
    cache.advance(60_000);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
}

#[test]
fn new_answer_restores_a_zombie() {
    let mut cache = cache(CacheLimits::default());
    cache.connect(POD, ip(1));
    cache.advance(20_000);
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(100_000), 20_000);
    cache.close(POD, ip(1), 20_000);
    cache.advance(60_000);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
}

#[test]
fn addresses_over_the_limit_become_zombies_at_a_collection() {
    let mut cache = DnsCache::new(CacheLimits { max_per_name: 2, ..CacheLimits::default() });
    for n in 1..=5 {
        cache.record(POD, NAME, [ip(n)], Duration::from_millis(100_000 * u64::from(n)), 0);
    }
    cache.record("foo/other", NAME, [ip(9)], Duration::from_millis(1_000_000), 0);
    cache.advance(59_999);
    assert_eq!((addresses(&cache).len(), cache.next_change()), (6, Some(60_000)));
    cache.advance(60_000);
    assert_eq!(addresses(&cache), ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9"]);
    assert_eq!(cache.next_change(), Some(200_001));
    cache.advance(300_000);
    // An unexpired address over the limit keeps the expired one.
    assert_eq!(addresses(&cache), ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9"]);
    cache.advance(300_001);
    assert_eq!(addresses(&cache), ["192.0.2.4", "192.0.2.5", "192.0.2.9"]);
}

#[test]
fn name_at_the_limit_needs_no_collection() {
    let cache = cache(CacheLimits { max_per_name: 2, collect_every: 1_000, ..CacheLimits::default() });
    assert_eq!(cache.next_change(), Some(10_001));
}

#[test]
fn address_over_the_limit_is_kept_by_its_own_connection() {
    let mut cache = DnsCache::new(CacheLimits { max_per_name: 1, ..CacheLimits::default() });
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(100_000), 0);
    cache.record(POD, NAME, [ip(2)], Duration::from_millis(200_000), 0);
    cache.connect(POD, ip(2));
    cache.advance(100_001);
    assert_eq!(addresses(&cache), ["192.0.2.2"], "the connected address has not expired");
    cache.connect(POD, ip(1));
    cache.record(POD, NAME, [ip(1)], Duration::from_millis(50_000), 100_001);
    cache.advance(150_002);
    assert_eq!(addresses(&cache).len(), 2, "its own connection keeps it");
}

#[test]
fn zombie_eviction_prefers_idle_then_oldest_then_fewest_names() {
    let limits = CacheLimits { max_deferred: 2, ..CacheLimits::default() };
    let mut cache = DnsCache::new(limits);
    cache.record(POD, NAME, [ip(1), ip(2), ip(3), ip(4)], Duration::from_millis(2_000), 0);
    cache.record(POD, "b.example.", [ip(1), ip(2)], Duration::from_millis(2_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(2_000);
    assert_eq!(addresses(&cache).len(), 4);
    cache.advance(2_001);
    assert_eq!(addresses(&cache), ["192.0.2.1", "192.0.2.2"], "3 and 4 have one name");
    let mut cache = DnsCache::new(limits);
    cache.record(POD, NAME, [ip(2)], Duration::from_millis(1_000), 0);
    cache.record(POD, NAME, [ip(1), ip(3)], Duration::from_millis(2_000), 0);
    cache.record(POD, "b.example.", [ip(1)], Duration::from_millis(2_000), 0);
    cache.connect(POD, ip(1));
    cache.advance(2_001);
    assert_eq!(addresses(&cache), ["192.0.2.1", "192.0.2.3"], "2 expired first");
}

#[test]
fn endpoint_at_its_limit_records_no_new_address() {
    let limits = CacheLimits { max_per_endpoint: 2, max_connections: 1, ..CacheLimits::default() };
    let mut cache = cache(limits);
    assert_eq!(cache.record(POD, NAME, [ip(3), ip(1)], Duration::from_millis(1_000), 0), 1);
    assert_eq!(cache.record("foo/other", NAME, [ip(3)], Duration::from_millis(1_000), 0), 1);
    assert!(cache.connect(POD, ip(1)) && cache.connect(POD, ip(1)) && !cache.connect(POD, ip(2)));
    cache.advance(10_001);
    assert_eq!(
        cache.record(POD, "c.example.", [ip(3)], Duration::from_millis(1_000), 0),
        0,
        "zombies count towards the limit"
    );
}

#[test]
fn removed_names_stay_for_other_endpoints() {
    let mut cache = cache(CacheLimits::default());
    cache.record("foo/other", NAME, [ip(1)], Duration::from_millis(10_000), 0);
    cache.record(POD, "b.example.", [ip(1)], Duration::from_millis(10_000), 0);
    cache.connect(POD, ip(2));
    cache.forget_endpoint(POD);
    assert_eq!(addresses(&cache), ["192.0.2.1"]);
    assert!(cache.names(ip(1)).eq([NAME]));
    cache.record(POD, "b.example.", [ip(1)], Duration::from_millis(10_000), 0);
    cache.forget(|name| name == NAME);
    assert!(cache.names(ip(1)).eq(["b.example."]));
    assert_eq!((cache.len(), cache.is_empty()), (1, false));
    cache.forget(|_| true);
    assert!(cache.is_empty());
}
