//! Addresses by name with expiry, as an agent keeps them (docs/semantics/cilium.md#cilium-ttl).

use super::{
    endpoint::{EndpointCache, Learned, Name},
    limits::CacheLimits,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{net::IpAddr, ops::Bound};

/// Shortest time in milliseconds for which an answer without a time to live is in force: the client still has to receive
/// the answer and connect. The agent keeps such an address for at least one whole collection.
const SHORTEST: u64 = 5_000;

/// The names a node knows for addresses. `now` is always passed in, in milliseconds, and never goes back.
///
/// Each endpoint has its own record of what it asked for, with its own limits and connections; what any of them
/// learned is in force for the whole node (docs/semantics/cilium.md#cilium-shared-dns-cache). A lesson costs
/// logarithmic time, and so does its end.
///
/// ```
/// use palisade::{CacheLimits, NameCache};
///
/// let mut cache = NameCache::new(CacheLimits::default());
/// let ip = "192.0.2.1".parse().unwrap();
/// cache.learn("foo/sleep", "www.example.com.", [ip], 10_000, 0);
/// assert!(cache.names(ip).eq(["www.example.com."]));
///
/// cache.connect("foo/sleep", ip);
/// cache.advance(10_001);
/// assert_eq!(cache.names(ip).count(), 1, "a live connection keeps the address");
/// cache.close("foo/sleep", ip, 10_002);
/// assert_eq!(cache.names(ip).count(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct NameCache {
    pub(super) limits: CacheLimits,
    pub(super) endpoints: BTreeMap<Name, EndpointCache>,
    /// The names of each address, and how many endpoints learned it.
    index: BTreeMap<IpAddr, BTreeMap<Name, u32>>,
    /// The time of the next collection.
    pub(super) next_collection: u64,
}

impl NameCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, next_collection: limits.collect_every, ..Self::default() }
    }

    /// `endpoint` was told at `now` that `name` (lower case, final dot) has `addresses` for `ttl` milliseconds. Gives
    /// how many of them are in force now; the others found no room.
    ///
    /// A time to live of 0 lasts until a collection, as in the agent: the first one that is at least five seconds away.
    pub fn learn(
        &mut self,
        endpoint: &str,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: u64,
        now: u64,
    ) -> usize {
        let limits = self.limits;
        let expires = match ttl.max(limits.min_ttl) {
            0 => self.collection_after(now.saturating_add(SHORTEST)).saturating_sub(1),
            ttl => now.saturating_add(ttl),
        };
        let name: Name = name.into();
        let cache = self.endpoints.entry(endpoint.into()).or_default();
        let mut learned = 0;
        for address in addresses {
            match cache.learn(&name, address, expires, &limits) {
                Learned::Refused => continue,
                Learned::Again => {}
                Learned::New => *self.index.entry(address).or_default().entry(name.clone()).or_insert(0) += 1,
            }
            learned += 1;
        }
        learned
    }

    /// A connection of `endpoint` to `address` is alive from now on. False where there are too many to follow: such a
    /// connection keeps nothing.
    pub fn connect(&mut self, endpoint: &str, address: IpAddr) -> bool {
        self.endpoints.entry(endpoint.into()).or_default().connect(address, &self.limits)
    }

    /// A connection of `endpoint` to `address` is over since `now`. Returns the addresses that lost a name.
    pub fn close(&mut self, endpoint: &str, address: IpAddr, now: u64) -> Vec<IpAddr> {
        let mut dropped = Vec::new();
        if let Some(cache) = self.endpoints.get_mut(endpoint) {
            cache.close(address, now, &mut dropped);
        }
        self.unlist(dropped)
    }

    /// It is `now`: what is over goes, unless a live connection keeps it. Returns the addresses that lost a name.
    pub fn advance(&mut self, now: u64) -> Vec<IpAddr> {
        let collects = now >= self.next_collection;
        let mut dropped = Vec::new();
        for cache in self.endpoints.values_mut() {
            cache.advance(now, &self.limits, &mut dropped);
            if collects {
                cache.collect(now, &self.limits, &mut dropped);
            }
        }
        if collects {
            self.next_collection = self.collection_after(now.saturating_add(1));
        }
        self.unlist(dropped)
    }

    /// The first collection at `moment` or later.
    fn collection_after(&self, moment: u64) -> u64 {
        let every = self.limits.collect_every.max(1);
        moment.div_ceil(every).saturating_mul(every)
    }

    /// The next moment at which something changes by itself; [`Self::advance`] has nothing to do before.
    pub fn next_change(&self) -> Option<u64> {
        self.endpoints.values().filter_map(|cache| cache.next_change(self.next_collection)).min()
    }

    /// How many pairs of name and address the endpoints know.
    pub fn len(&self) -> usize {
        self.endpoints.values().map(EndpointCache::len).sum()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names in force for `address`, in order; one that several endpoints learned comes once.
    pub fn names(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.index.get(&address).into_iter().flat_map(|names| names.keys().map(|name| &**name))
    }

    /// At most `most` names in force for `address` that come behind `after`, in order: the names of an address in
    /// parts, for a caller that must not hold up others.
    pub fn names_after(&self, address: IpAddr, after: Option<&str>, most: usize) -> Vec<Arc<str>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.index.get(&address).into_iter();
        let names = names.flat_map(|names| names.range::<str, _>((start, Bound::Unbounded)));
        names.take(most).map(|(name, _)| name.clone()).collect()
    }

    /// A cache in which `names`, in order, are in force for `address`, and that never changes by itself.
    pub fn of_names(address: IpAddr, names: Vec<Arc<str>>) -> Self {
        let names = names.into_iter().map(|name| (name, 1)).collect();
        Self { index: BTreeMap::from([(address, names)]), ..Self::default() }
    }

    /// The addresses in force for `name`, in order.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        self.index.iter().filter(move |(_, names)| names.contains_key(name)).map(|(address, _)| *address)
    }

    /// Forgets every name that `forget` picks, whatever connections there are.
    pub fn forget(&mut self, forget: impl Fn(&str) -> bool) {
        let mut dropped = Vec::new();
        self.endpoints.values_mut().for_each(|cache| cache.forget(&forget, &mut dropped));
        self.unlist(dropped);
    }

    /// Forgets `endpoint`, its connections too: it was deleted.
    pub fn forget_endpoint(&mut self, endpoint: &str) {
        let Some(cache) = self.endpoints.remove(endpoint) else { return };
        self.unlist(cache.lessons().map(|(name, address, _)| (name.clone(), address)).collect());
    }

    /// Counts the lessons of `cache`, which is new.
    pub(super) fn insert(&mut self, endpoint: Name, cache: EndpointCache) {
        for (name, address, _) in cache.lessons() {
            *self.index.entry(address).or_default().entry(name.clone()).or_insert(0) += 1;
        }
        self.endpoints.insert(endpoint, cache);
    }

    /// Takes `dropped` out of the index. Returns their addresses.
    fn unlist(&mut self, dropped: Vec<(Name, IpAddr)>) -> Vec<IpAddr> {
        let addresses = dropped.iter().map(|(_, address)| *address).collect();
        for (name, address) in dropped {
            let Some(names) = self.index.get_mut(&address) else { continue };
            if let Some(count) = names.get_mut(&name) {
                *count -= 1;
                if *count == 0 {
                    names.remove(&name);
                }
            }
            if names.is_empty() {
                self.index.remove(&address);
            }
        }
        self.endpoints.retain(|_, cache| !cache.is_empty());
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const POD: &str = "foo/sleep";
    const NAME: &str = "a.example.";

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn cache(limits: CacheLimits) -> NameCache {
        let mut cache = NameCache::new(limits);
        assert_eq!(cache.learn(POD, NAME, [ip(1), ip(2)], 10_000, 0), 2);
        cache
    }

    fn known(cache: &NameCache) -> Vec<alloc::string::String> {
        cache.addresses(NAME).map(|a| a.to_string()).collect()
    }

    #[test]
    fn an_address_is_in_force_to_the_last_millisecond() {
        let mut cache = cache(CacheLimits::default());
        assert_eq!(cache.next_change(), Some(10_001));
        cache.advance(10_000);
        assert!(cache.names(ip(1)).eq([NAME]));
        cache.advance(10_001);
        assert_eq!((cache.names(ip(1)).count(), cache.next_change()), (0, None));
        assert!(cache.endpoints.is_empty() && cache.index.is_empty());
    }

    #[test]
    fn the_longer_of_two_lessons_counts() {
        let mut cache = cache(CacheLimits::default());
        cache.learn(POD, NAME, [ip(1)], 20_000, 0);
        cache.learn(POD, NAME, [ip(1)], 1_000, 0);
        cache.advance(10_001);
        assert_eq!(known(&cache), ["192.0.2.1"]);
        cache.advance(20_001);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn the_shortest_time_to_live_is_the_agents() {
        let mut cache = cache(CacheLimits { min_ttl: 60_000, ..CacheLimits::default() });
        cache.advance(60_000);
        assert_eq!(known(&cache).len(), 2);
        cache.advance(60_001);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn answer_without_time_to_live_lasts_until_a_collection_at_least_five_seconds_away() {
        for (now, end) in [(0, 60_000), (55_000, 60_000), (55_001, 120_000), (60_000, 120_000)] {
            let mut cache = NameCache::new(CacheLimits::default());
            cache.advance(now);
            cache.learn(POD, NAME, [ip(1)], 0, now);
            cache.advance(end - 1);
            assert_eq!(known(&cache), ["192.0.2.1"], "{now}");
            cache.advance(end);
            assert_eq!(known(&cache).len(), 0, "{now}");
        }
    }

    #[test]
    fn connection_keeps_an_answer_without_time_to_live() {
        let mut cache = NameCache::new(CacheLimits::default());
        cache.learn(POD, NAME, [ip(1)], 0, 0);
        cache.connect(POD, ip(1));
        cache.advance(60_000);
        assert_eq!(known(&cache), ["192.0.2.1"]);
        cache.close(POD, ip(1), 60_000);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn names_of_an_address_come_in_parts() {
        let mut cache = NameCache::new(CacheLimits::default());
        for name in ["a.", "b.", "c."] {
            cache.learn(POD, name, [ip(1)], 10_000, 0);
        }
        let part = |after, most| cache.names_after(ip(1), after, most);
        assert_eq!(part(None, 2), ["a.".into(), "b.".into()]);
        assert_eq!(part(Some("b."), 2), ["c.".into()]);
        assert!(part(Some("c."), 2).is_empty() && cache.names_after(ip(2), None, 2).is_empty());
        let view = NameCache::of_names(ip(1), part(None, 9));
        assert!(view.names(ip(1)).eq(["a.", "b.", "c."]) && view.names(ip(2)).next().is_none());
    }

    #[test]
    fn a_live_connection_keeps_every_address_of_its_name() {
        let mut cache = cache(CacheLimits::default());
        assert!(cache.connect(POD, ip(1)));
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        cache.close(POD, ip(1), 20_000);
        assert_eq!(known(&cache).len(), 2, "one of two is still alive");
        cache.close(POD, ip(1), 20_000);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn a_connection_of_another_endpoint_keeps_nothing() {
        let mut cache = cache(CacheLimits::default());
        cache.connect("foo/other", ip(1));
        cache.advance(10_001);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn idle_grace_starts_at_expiry_with_and_without_a_connection() {
        let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
        cache.advance(15_000);
        assert_eq!((known(&cache).len(), cache.next_change()), (2, Some(15_001)));
        cache.advance(15_001);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn connection_closed_after_the_grace_keeps_nothing() {
        let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
        cache.connect(POD, ip(1));
        cache.advance(60_000);
        assert_eq!((known(&cache).len(), cache.next_change()), (2, None));
        cache.close(POD, ip(1), 60_000);
        assert_eq!(known(&cache).len(), 0);
    }

    #[test]
    fn connection_opened_in_the_grace_keeps_the_address() {
        let mut cache = cache(CacheLimits { idle_grace: 5_000, ..CacheLimits::default() });
        cache.advance(12_000);
        cache.connect(POD, ip(1));
        cache.advance(60_000);
        assert_eq!(known(&cache).len(), 2);
    }

    #[test]
    fn connection_keeps_siblings_only_once_its_own_address_expired() {
        let mut cache = NameCache::new(CacheLimits::default());
        cache.learn(POD, NAME, [ip(1)], 5_000_000, 0);
        cache.learn(POD, NAME, [ip(2)], 60_000, 0);
        cache.connect(POD, ip(1));
        cache.advance(2_000_000);
        assert_eq!(known(&cache), ["192.0.2.1"]);
    }

    #[test]
    fn kept_address_keeps_all_its_names_and_no_siblings_of_the_others() {
        let mut cache = NameCache::new(CacheLimits::default());
        cache.learn(POD, NAME, [ip(1), ip(2)], 10_000, 0);
        cache.learn(POD, "b.example.", [ip(2), ip(3)], 10_000, 0);
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        assert!(cache.names(ip(2)).eq([NAME, "b.example."]));
        assert_eq!(cache.names(ip(3)).count(), 0);
    }

    #[test]
    fn fresh_answer_closes_siblings_at_the_next_collection() {
        let mut cache = cache(CacheLimits::default());
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        cache.learn(POD, NAME, [ip(1)], 1_000_000, 20_000);
        cache.advance(59_999);
        assert_eq!((known(&cache).len(), cache.next_change()), (2, Some(60_000)));
        cache.advance(60_000);
        assert_eq!(known(&cache), ["192.0.2.1"]);
    }

    #[test]
    fn a_fresh_lookup_revives_what_was_deferred() {
        let mut cache = cache(CacheLimits::default());
        cache.connect(POD, ip(1));
        cache.advance(20_000);
        cache.learn(POD, NAME, [ip(1)], 100_000, 20_000);
        cache.close(POD, ip(1), 20_000);
        cache.advance(60_000);
        assert_eq!(known(&cache), ["192.0.2.1"]);
    }

    #[test]
    fn addresses_beyond_the_limit_stay_until_they_expire_up_to_the_same_limit() {
        let mut cache = NameCache::new(CacheLimits { max_per_name: 2, ..CacheLimits::default() });
        for n in 1..=5 {
            cache.learn(POD, NAME, [ip(n)], 100_000 * u64::from(n), 0);
        }
        cache.learn("foo/other", NAME, [ip(9)], 1_000_000, 0);
        cache.advance(59_999);
        assert_eq!((known(&cache).len(), cache.next_change()), (6, Some(60_000)));
        cache.advance(60_000);
        assert_eq!(known(&cache), ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9"]);
        assert_eq!(cache.next_change(), Some(200_001));
        cache.advance(300_000);
        // An address beyond the limit that is alive keeps the expired one.
        assert_eq!(known(&cache), ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.9"]);
        cache.advance(300_001);
        assert_eq!(known(&cache), ["192.0.2.4", "192.0.2.5", "192.0.2.9"]);
    }

    #[test]
    fn a_name_with_just_as_many_addresses_as_it_may_have_is_no_crowd() {
        let cache = cache(CacheLimits { max_per_name: 2, collect_every: 1_000, ..CacheLimits::default() });
        assert_eq!(cache.next_change(), Some(10_001));
    }

    #[test]
    fn address_beyond_the_limit_is_kept_by_its_own_connection() {
        let mut cache = NameCache::new(CacheLimits { max_per_name: 1, ..CacheLimits::default() });
        cache.learn(POD, NAME, [ip(1)], 100_000, 0);
        cache.learn(POD, NAME, [ip(2)], 200_000, 0);
        cache.connect(POD, ip(2));
        cache.advance(100_001);
        assert_eq!(known(&cache), ["192.0.2.2"], "the connected address has not expired");
        cache.connect(POD, ip(1));
        cache.learn(POD, NAME, [ip(1)], 50_000, 100_001);
        cache.advance(150_002);
        assert_eq!(known(&cache).len(), 2, "its own connection keeps it");
    }

    #[test]
    fn of_too_many_deferred_the_idle_go_then_the_oldest_then_those_with_the_fewest_names() {
        let limits = CacheLimits { max_deferred: 2, ..CacheLimits::default() };
        let mut cache = NameCache::new(limits);
        cache.learn(POD, NAME, [ip(1), ip(2), ip(3), ip(4)], 2_000, 0);
        cache.learn(POD, "b.example.", [ip(1), ip(2)], 2_000, 0);
        cache.connect(POD, ip(1));
        cache.advance(2_000);
        assert_eq!(known(&cache).len(), 4);
        cache.advance(2_001);
        assert_eq!(known(&cache), ["192.0.2.1", "192.0.2.2"], "3 and 4 have one name");
        let mut cache = NameCache::new(limits);
        cache.learn(POD, NAME, [ip(2)], 1_000, 0);
        cache.learn(POD, NAME, [ip(1), ip(3)], 2_000, 0);
        cache.learn(POD, "b.example.", [ip(1)], 2_000, 0);
        cache.connect(POD, ip(1));
        cache.advance(2_001);
        assert_eq!(known(&cache), ["192.0.2.1", "192.0.2.3"], "2 was deferred first");
    }

    #[test]
    fn a_full_endpoint_learns_nothing_new() {
        let limits = CacheLimits { max_per_endpoint: 2, max_connections: 1, ..CacheLimits::default() };
        let mut cache = cache(limits);
        assert_eq!(cache.learn(POD, NAME, [ip(3), ip(1)], 1_000, 0), 1);
        assert_eq!(cache.learn("foo/other", NAME, [ip(3)], 1_000, 0), 1);
        assert!(cache.connect(POD, ip(1)) && cache.connect(POD, ip(1)) && !cache.connect(POD, ip(2)));
        cache.advance(10_001);
        assert_eq!(cache.learn(POD, "c.example.", [ip(3)], 1_000, 0), 0, "what is deferred takes its room");
    }

    #[test]
    fn what_is_forgotten_is_gone_for_those_who_learned_it() {
        let mut cache = cache(CacheLimits::default());
        cache.learn("foo/other", NAME, [ip(1)], 10_000, 0);
        cache.learn(POD, "b.example.", [ip(1)], 10_000, 0);
        cache.connect(POD, ip(2));
        cache.forget_endpoint(POD);
        assert_eq!(known(&cache), ["192.0.2.1"]);
        assert!(cache.names(ip(1)).eq([NAME]));
        cache.learn(POD, "b.example.", [ip(1)], 10_000, 0);
        cache.forget(|name| name == NAME);
        assert!(cache.names(ip(1)).eq(["b.example."]));
        assert_eq!((cache.len(), cache.is_empty()), (1, false));
        cache.forget(|_| true);
        assert!(cache.is_empty());
    }
}
