//! The DNS cache of a node (docs/semantics/cilium.md#cilium-shared-dns-cache).

use super::{
    endpoint::EndpointCache,
    entry::{DnsName, InsertOutcome, Pair},
    limits::CacheLimits,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{net::IpAddr, ops::Bound, time::Duration};

/// The minimum time in milliseconds for which an answer with a TTL of 0 stays in force: the client must receive the answer
/// and connect. The agent keeps such an address for at least one whole collection.
const MIN_ZERO_TTL: u64 = 5_000;

/// The names and addresses that a node has read from DNS answers.
///
/// The caller passes the time as `now`, in milliseconds; it must not decrease. Each endpoint has its own answers, limits and
/// connections. An answer of one endpoint is in force for all endpoints of the node
/// (docs/semantics/cilium.md#cilium-shared-dns-cache). To record an address, or to remove it, takes logarithmic time.
///
/// ```
/// use core::time::Duration;
/// use palisade::{CacheLimits, DnsCache};
///
/// let mut cache = DnsCache::new(CacheLimits::default());
/// let ip = "192.0.2.1".parse().unwrap();
/// cache.record("foo/sleep", "www.example.com.", [ip], Duration::from_secs(10), 0);
/// assert!(cache.names(ip).eq(["www.example.com."]));
///
/// cache.connect("foo/sleep", ip);
/// cache.advance(10_001);
/// assert_eq!(cache.names(ip).count(), 1, "an open connection keeps the address");
/// cache.close("foo/sleep", ip, 10_002);
/// assert_eq!(cache.names(ip).count(), 0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DnsCache {
    pub(super) limits: CacheLimits,
    pub(super) endpoints: BTreeMap<DnsName, EndpointCache>,
    /// The names of each address, with the number of endpoints that recorded them.
    index: BTreeMap<IpAddr, BTreeMap<DnsName, u32>>,
    /// The time of the next collection.
    pub(super) next_collection: u64,
}

impl DnsCache {
    /// Returns an empty cache.
    #[must_use]
    pub fn new(limits: CacheLimits) -> Self {
        Self { limits, next_collection: limits.collect_every, ..Self::default() }
    }

    /// Records an answer to a lookup of `endpoint`: `name` has `addresses` for the time `ttl` from `now` on. Returns how many
    /// of them are in force; the others exceed the limit of the endpoint.
    ///
    /// `name` must be in lower case with one final dot. As in the agent, an answer with a TTL of 0 lasts until a collection:
    /// the first one that is at least five seconds later.
    pub fn record(
        &mut self,
        endpoint: &str,
        name: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
        ttl: Duration,
        now: u64,
    ) -> usize {
        let limits = self.limits;
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let expires = match ttl.max(limits.min_ttl) {
            0 => self.collection_after(now.saturating_add(MIN_ZERO_TTL)).saturating_sub(1),
            ttl => now.saturating_add(ttl),
        };
        let name: DnsName = name.into();
        let cache = self.endpoints.entry(endpoint.into()).or_default();
        let mut in_force = 0;
        for address in addresses {
            match cache.record(&name, address, expires, &limits) {
                InsertOutcome::OverLimit => continue,
                InsertOutcome::Renewed => {}
                InsertOutcome::New => {
                    *self.index.entry(address).or_default().entry(name.clone()).or_insert(0) += 1;
                }
            }
            in_force += 1;
        }
        in_force
    }

    /// Records that `endpoint` opened a connection to `address`. Returns `false` if the endpoint is connected to too many
    /// addresses; such a connection keeps no address.
    pub fn connect(&mut self, endpoint: &str, address: IpAddr) -> bool {
        self.endpoints.entry(endpoint.into()).or_default().connect(address, &self.limits)
    }

    /// Records that a connection of `endpoint` to `address` closed at `now`. Returns the addresses that lost a name.
    pub fn close(&mut self, endpoint: &str, address: IpAddr, now: u64) -> Vec<IpAddr> {
        let mut dropped = Vec::new();
        if let Some(cache) = self.endpoints.get_mut(endpoint) {
            cache.close(address, now, &mut dropped);
        }
        self.remove_from_index(dropped)
    }

    /// Advances the time to `now`: expired addresses are removed unless a connection keeps them. Returns the addresses that
    /// lost a name.
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
        self.remove_from_index(dropped)
    }

    /// Returns the time of the first collection at or after `moment`.
    fn collection_after(&self, moment: u64) -> u64 {
        let every = self.limits.collect_every.max(1);
        moment.div_ceil(every).saturating_mul(every)
    }

    /// Returns the next moment at which time alone changes the cache. [`Self::advance`] has no effect before it.
    #[must_use]
    pub fn next_change(&self) -> Option<u64> {
        self.endpoints.values().filter_map(|cache| cache.next_change(self.next_collection)).min()
    }

    /// Returns the number of pairs of name and address, counted for each endpoint.
    #[must_use]
    pub fn len(&self) -> usize {
        self.endpoints.values().map(EndpointCache::len).sum()
    }

    /// Returns whether the cache contains no addresses.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the names in force for `address`, in order, each once.
    pub fn names(&self, address: IpAddr) -> impl Iterator<Item = &str> {
        self.index.get(&address).into_iter().flat_map(|names| names.keys().map(|name| &**name))
    }

    /// Returns at most `most` names in force for `address` that come after `after`, in order. A caller that shares the cache
    /// can thus read many names in parts.
    #[must_use]
    pub fn names_after(&self, address: IpAddr, after: Option<&str>, most: usize) -> Vec<Arc<str>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let names = self.index.get(&address).into_iter();
        let names = names.flat_map(|names| names.range::<str, _>((start, Bound::Unbounded)));
        names.take(most).map(|(name, _)| name.clone()).collect()
    }

    /// Returns a cache that contains `names` for `address` and that time does not change.
    #[must_use]
    pub fn of_names(address: IpAddr, names: Vec<Arc<str>>) -> Self {
        let names = names.into_iter().map(|name| (name, 1)).collect();
        Self { index: BTreeMap::from([(address, names)]), ..Self::default() }
    }

    /// Returns the addresses in force for `name`, in order. Takes time linear in the number of addresses in the cache.
    pub fn addresses<'a>(&'a self, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        self.index.iter().filter(move |(_, names)| names.contains_key(name)).map(|(address, _)| *address)
    }

    /// Removes the names for which `is_removed` returns true, even if connections are open.
    pub fn forget(&mut self, is_removed: impl Fn(&str) -> bool) {
        let mut dropped = Vec::new();
        self.endpoints.values_mut().for_each(|cache| cache.forget(&is_removed, &mut dropped));
        self.remove_from_index(dropped);
    }

    /// Removes the answers and connections of `endpoint`, which was deleted.
    pub fn forget_endpoint(&mut self, endpoint: &str) {
        let Some(cache) = self.endpoints.remove(endpoint) else { return };
        self.remove_from_index(cache.entries().map(|(name, address, _)| (name.clone(), address)).collect());
    }

    /// Adds the answers of a new `endpoint`.
    pub(super) fn insert(&mut self, endpoint: DnsName, cache: EndpointCache) {
        for (name, address, _) in cache.entries() {
            *self.index.entry(address).or_default().entry(name.clone()).or_insert(0) += 1;
        }
        self.endpoints.insert(endpoint, cache);
    }

    /// Removes `dropped` from the index. Returns the addresses in it.
    fn remove_from_index(&mut self, dropped: Vec<Pair>) -> Vec<IpAddr> {
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
mod tests;
