//! What the nodes have seen before a flow: time, names, connections.

use crate::dns::{CacheLimits, DnsCache};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// What the nodes have seen. Starts empty at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// What DNS taught each node: nodes learn separately. Empty is the one node that all unplaced pods share.
    nodes: BTreeMap<String, DnsCache>,
}

impl History {
    /// Lets `milliseconds` pass. Returns the addresses that lost a name.
    pub fn wait(&mut self, milliseconds: u64) -> Vec<IpAddr> {
        self.wait_until(self.now.saturating_add(milliseconds))
    }

    /// Lets time pass until `now`, which may be over already. Returns the addresses that lost a name.
    pub fn wait_until(&mut self, now: u64) -> Vec<IpAddr> {
        self.now = self.now.max(now);
        self.nodes.values_mut().flat_map(|cache| cache.advance(self.now)).collect()
    }

    /// The next moment at which a name or an address stops to be known by itself.
    pub fn next_change(&self) -> Option<u64> {
        self.nodes.values().filter_map(DnsCache::next_change).min()
    }

    /// The names in force on `node` for `address`.
    pub fn names(&self, node: &str, address: IpAddr) -> impl Iterator<Item = &str> {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.names(address))
    }

    /// The addresses in force on `node` for `name` (lower case, final dot).
    pub fn addresses<'a>(&'a self, node: &'a str, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.addresses(name))
    }

    /// What DNS taught `node`.
    pub fn cache(&self, node: &str) -> Option<&DnsCache> {
        self.nodes.get(node)
    }

    /// Lets `node` know what `cache` does, and nothing else.
    pub fn restore(&mut self, node: &str, cache: DnsCache) {
        self.nodes.insert(node.to_string(), cache);
    }

    /// The cache of `node`, new with these limits where it has none.
    pub(super) fn cache_mut(&mut self, node: &str, limits: CacheLimits) -> &mut DnsCache {
        self.nodes.entry(node.to_string()).or_insert_with(|| DnsCache::new(limits))
    }
}
