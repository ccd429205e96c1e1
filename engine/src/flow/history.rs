//! The events before a flow: elapsed time, and the DNS cache of each node.

use crate::dns::{CacheLimits, DnsCache};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// The elapsed time, and the DNS cache of each node. A history starts empty at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Milliseconds since the start.
    pub now: u64,
    /// The DNS cache of each node. Pods without a node share the node with the empty name.
    nodes: BTreeMap<String, DnsCache>,
}

impl History {
    /// Advances the time by `milliseconds`. Returns the addresses that lost a name.
    pub fn wait(&mut self, milliseconds: u64) -> Vec<IpAddr> {
        self.wait_until(self.now.saturating_add(milliseconds))
    }

    /// Advances the time to `now`, unless it is later already. Returns the addresses that lost a name.
    pub fn wait_until(&mut self, now: u64) -> Vec<IpAddr> {
        self.now = self.now.max(now);
        self.nodes.values_mut().flat_map(|cache| cache.advance(self.now)).collect()
    }

    /// Returns the time of the next expiry of a name or an address.
    pub fn next_change(&self) -> Option<u64> {
        self.nodes.values().filter_map(DnsCache::next_change).min()
    }

    /// Returns the names of `address` in the DNS cache of `node`.
    pub fn names(&self, node: &str, address: IpAddr) -> impl Iterator<Item = &str> {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.names(address))
    }

    /// Returns the addresses of `name` (lower case, final dot) in the DNS cache of `node`.
    pub fn addresses<'a>(&'a self, node: &'a str, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.addresses(name))
    }

    /// Returns the DNS cache of `node`.
    pub fn cache(&self, node: &str) -> Option<&DnsCache> {
        self.nodes.get(node)
    }

    /// Replaces the DNS cache of `node`.
    pub fn restore(&mut self, node: &str, cache: DnsCache) {
        self.nodes.insert(node.to_string(), cache);
    }

    /// Returns the DNS cache of `node`, and creates it with `limits` if it is missing.
    pub(super) fn cache_mut(&mut self, node: &str, limits: CacheLimits) -> &mut DnsCache {
        self.nodes.entry(node.to_string()).or_insert_with(|| DnsCache::new(limits))
    }
}
