//! Ports that are written by name: the ranges that begin at them, and the numbers they stand for in the cluster.

use super::{
    conflict::order,
    peer::Ends,
    policy::Entry,
    port::{Number, Port},
    writer::groups,
};
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
pub(super) struct RangeEnds(BTreeMap<(u8, Protocol, Box<str>), u16>);

impl RangeEnds {
    /// Reads the `entries` of one direction.
    pub(super) fn new(entries: &[&Entry]) -> Self {
        let names = |e: &&&Entry| {
            groups(e).flat_map(|g| &g.ports).any(|port| matches!(port.number, Number::Named(_)))
        };
        let selects = |e: &&&Entry| !matches!(&e.ends, Ends::Only(list) if list.is_empty());
        let mut merged: Vec<&Entry> = entries.iter().filter(names).filter(selects).copied().collect();
        merged.sort_by(|a, b| (a.level, order(&a.id)).cmp(&(b.level, order(&b.id))));
        let mut ends = BTreeMap::new();
        for (entry, port) in merged.iter().flat_map(|e| groups(e).flat_map(|g| &g.ports).map(move |p| (e, p)))
        {
            if let Number::Named(name) = &port.number {
                ends.entry((entry.level.tier, port.protocol, name.clone())).or_insert(port.end);
            }
        }
        Self(ends)
    }

    /// Returns the `endPort` for the named `port` in `tier`; 0 where there is none.
    pub(super) fn of(&self, tier: u8, port: &Port) -> u16 {
        match &port.number {
            Number::Named(name) => {
                self.0.get(&(tier, port.protocol, name.clone())).copied().unwrap_or_default()
            }
            Number::Range(..) => 0,
        }
    }
}

/// The numbers that each port name stands for in the whole cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct PortNumbers {
    numbers: BTreeMap<(Protocol, Box<str>), BTreeSet<u16>>,
    /// Whether a name on egress stands for the numbers of each destination, as it does since Cilium 1.20. Before, it stands
    /// for the only number of the cluster, for every destination; with several numbers it stands for none.
    pub(super) by_destination: bool,
}

impl PortNumbers {
    /// Reads the container ports of all pods. Without a pod that has them, `dns` and `dns-tcp` are port 53 of UDP and TCP, as
    /// the cluster's DNS has them.
    pub(super) fn new(cluster: &Cluster, options: &Options) -> Self {
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

    /// Returns the numbers that `port` stands for on egress; of a range, the first.
    pub(super) fn of(&self, port: &Port) -> Vec<u16> {
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
