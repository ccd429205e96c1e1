//! Named ports: the ranges that begin at them, and their numbers in the cluster.

use super::super::model::{Entry, Number, Port};
use crate::{
    cluster::Cluster,
    net::Protocol,
    options::{CiliumVersion, Options},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// The last port of the range that begins at a named port, by tier, protocol and name.
///
/// The agent keeps one filter for each name and protocol of a tier. The `endPort` of the first rule that names the
/// port is the end for every other rule (docs/semantics/cilium.md#cilium-named-port-range).
#[derive(Debug, Default)]
pub(crate) struct RangeEnds(BTreeMap<(u8, Protocol, Box<str>), u16>);

impl RangeEnds {
    /// Reads the `entries` of one direction.
    pub(crate) fn new(entries: &[&Entry]) -> Self {
        let names = |e: &&&Entry| {
            e.port_groups().flat_map(|g| &g.ports).any(|port| matches!(port.number, Number::Named(_)))
        };
        let selects = |e: &&&Entry| !e.is_without_peer();
        let mut merged: Vec<&Entry> = entries.iter().filter(names).filter(selects).copied().collect();
        merged.sort_by(|a, b| (a.level, a.merge_key()).cmp(&(b.level, b.merge_key())));
        let mut ends = BTreeMap::new();
        for (entry, port) in
            merged.iter().flat_map(|e| e.port_groups().flat_map(|g| &g.ports).map(move |p| (e, p)))
        {
            if let Number::Named(name) = &port.number {
                ends.entry((entry.level.tier, port.protocol, name.clone())).or_insert(port.end);
            }
        }
        Self(ends)
    }

    /// Returns the `endPort` for the named `port` in `tier`, or 0.
    pub(crate) fn of(&self, tier: u8, port: &Port) -> u16 {
        match &port.number {
            Number::Named(name) => {
                self.0.get(&(tier, port.protocol, name.clone())).copied().unwrap_or_default()
            }
            Number::Range(..) => 0,
        }
    }
}

/// The numbers of each port name in the whole cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct PortNumbers {
    numbers: BTreeMap<(Protocol, Box<str>), BTreeSet<u16>>,
    /// Whether a name on egress means the numbers of each destination, as it does since Cilium 1.20. Before, it means
    /// the only number in the cluster, for every destination; with several numbers it means none.
    pub(crate) by_destination: bool,
}

impl PortNumbers {
    /// Collects the container ports of all pods. If no pod has them, `dns` and `dns-tcp` are port 53 of UDP and TCP,
    /// the ports of the cluster's DNS.
    pub(crate) fn new(cluster: &Cluster, options: &Options) -> Self {
        let mut numbers: BTreeMap<(Protocol, Box<str>), BTreeSet<u16>> = BTreeMap::new();
        for port in cluster.workloads().flat_map(|w| &w.ports).filter(|p| !p.name.is_empty()) {
            let key = (port.protocol, Box::from(port.name.to_ascii_lowercase()));
            numbers.entry(key).or_default().insert(port.port);
        }
        for (protocol, name) in [(Protocol::Udp, "dns"), (Protocol::Tcp, "dns-tcp")] {
            numbers.entry((protocol, name.into())).or_insert_with(|| [53].into());
        }
        Self { numbers, by_destination: options.cilium.version >= CiliumVersion::V1_20 }
    }

    /// Returns the numbers of `port` on egress; of a range, the first.
    pub(crate) fn of(&self, port: &Port) -> Vec<u16> {
        match &port.number {
            Number::Range(first, _) => Vec::from([*first]),
            Number::Named(name) => {
                let known = self.numbers.get(&(port.protocol, name.clone()));
                let known = known.filter(|known| self.by_destination || known.len() == 1);
                known.into_iter().flatten().copied().collect()
            }
        }
    }
}
