//! What the nodes have seen before a flow: time, names, connections.

use crate::dns::NameCache;
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
};
use core::net::IpAddr;

/// What the nodes have seen. Starts empty at time 0.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// What DNS taught each node: nodes learn separately. Empty is the one node that all unplaced pods share.
    nodes: BTreeMap<String, NameCache>,
}

impl History {
    /// Lets `milliseconds` pass.
    pub fn wait(&mut self, milliseconds: u64) {
        self.now = self.now.saturating_add(milliseconds);
        self.nodes.values_mut().for_each(|cache| cache.advance(self.now));
    }

    /// The names in force on `node` for `address`.
    pub fn names(&self, node: &str, address: IpAddr) -> impl Iterator<Item = &str> {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.names(address))
    }

    /// The addresses in force on `node` for `name` (lower case, final dot).
    pub fn addresses<'a>(&'a self, node: &str, name: &'a str) -> impl Iterator<Item = IpAddr> + 'a {
        self.nodes.get(node).into_iter().flat_map(move |cache| cache.addresses(name))
    }

    /// What DNS taught `node`.
    pub(super) fn cache(&mut self, node: &str) -> &mut NameCache {
        self.nodes.entry(node.to_string()).or_default()
    }
}
