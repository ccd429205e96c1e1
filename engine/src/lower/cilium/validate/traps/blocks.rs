//! Warnings about blocks of addresses (docs/semantics/cilium.md#cilium-cidr-identities,
//! docs/semantics/cilium.md#cilium-cidr-except).

use super::super::super::model::{Scope, parse_block, peer_fields};
use crate::{
    diagnostic::Report,
    options::CidrMatch,
    resource::cilium::{CiliumRule, Peers, PortRule},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};
use ipnet::IpNet;

/// Warns of a block with the addresses of pods, nodes or a Service, which it does not select.
pub(super) fn in_cluster(net: IpNet, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    if net.prefix_len() == 0 {
        return;
    }
    let mode = |kind| scope.options.cilium.matches_addresses_of(kind);
    let contained = (!mode(CidrMatch::Pods))
        .then(|| pods(net, scope))
        .flatten()
        .or_else(|| (!mode(CidrMatch::Nodes)).then(|| nodes(net, scope)).flatten())
        .or_else(|| service(net, scope));
    if let Some((what, help)) = contained {
        let message = format!("`{net}` holds {what}, and never selects one");
        report.warn("cidr-holds-pods", path, message, help);
    }
}

fn pods(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    let help = "select pods by their labels";
    if let Some(pod) = scope.index.pod_in(net) {
        return Some((format!("pods such as {}/{}", pod.namespace, pod.name), help));
    }
    let (node, range) = scope.index.pod_range_in(net)?;
    Some((format!("pods: `{range}` is the pod range of node {}", node.metadata.name), help))
}

fn nodes(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    let node = scope.index.node_in(net)?;
    let help = "select nodes by the entities `host`, `remote-node` and `kube-apiserver`";
    Some((format!("nodes such as {}", node.metadata.name), help))
}

/// The address of a Service is translated to its pods before policies apply.
fn service(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    if net.prefix_len() < net.max_prefix_len() {
        return None;
    }
    let service = scope.index.service_in(net)?;
    let name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
    Some((format!("the service {name}, judged as its pods"), "select its pods, or write `toServices`"))
}

/// A block of an allow entry, with its exceptions.
struct Block {
    path: String,
    net: IpNet,
    /// The exceptions with their indexes in the item.
    exceptions: Vec<(usize, IpNet)>,
    excluded: BTreeSet<IpNet>,
    ports: PortList,
}

/// The number of a `toPorts` list in a rule. Equal lists have one number.
type PortList = usize;

/// The number of the empty list, which means every port.
const EVERY_PORT: PortList = 0;

/// The blocks of one direction of a rule.
#[derive(Default)]
struct Blocks {
    list: Vec<Block>,
    port_lists: BTreeMap<String, PortList>,
}

/// Warns of exceptions that another item of the same direction allows again
/// (docs/semantics/cilium.md#cilium-cidr-except).
pub(super) fn reopened(rule: &CiliumRule, path: &str, report: &mut Report<'_>) {
    let mut ingress = Blocks::default();
    for (i, entry) in rule.ingress.iter().flatten().enumerate() {
        let ports = entry.to_ports.as_deref().unwrap_or_default();
        ingress.add(&entry.peers(), ports, false, &format!("{path}.ingress[{i}]"));
    }
    report_reopened(&ingress.list, report);
    let mut egress = Blocks::default();
    for (i, entry) in rule.egress.iter().flatten().enumerate() {
        let ports = entry.to_ports.as_deref().unwrap_or_default();
        egress.add(&entry.peers(), ports, true, &format!("{path}.egress[{i}]"));
    }
    report_reopened(&egress.list, report);
}

impl Blocks {
    fn add(&mut self, peers: &Peers<'_>, ports: &[PortRule], egress: bool, path: &str) {
        let ports = if ports.is_empty() {
            EVERY_PORT
        } else {
            let next = self.port_lists.len() + 1;
            *self.port_lists.entry(format!("{ports:?}")).or_insert(next)
        };
        let [_, cidrs, sets, ..] = peer_fields(egress);
        for (i, text) in peers.cidr.into_iter().flatten().enumerate() {
            if let Some(net) = parse_block(text) {
                self.list.push(Block::new(format!("{path}.{cidrs}[{i}]"), net, Vec::new(), ports));
            }
        }
        for (i, item) in peers.cidr_set.into_iter().flatten().enumerate() {
            let Some(net) = item.cidr.as_deref().and_then(parse_block) else { continue };
            let exceptions = item.except.iter().flatten().enumerate();
            let exceptions = exceptions.filter_map(|(n, text)| Some((n, parse_block(text)?))).collect();
            self.list.push(Block::new(format!("{path}.{sets}[{i}]"), net, exceptions, ports));
        }
    }
}

impl Block {
    fn new(path: String, net: IpNet, exceptions: Vec<(usize, IpNet)>, ports: PortList) -> Self {
        let excluded = exceptions.iter().map(|(_, exception)| *exception).collect();
        Self { path, net, exceptions, excluded, ports }
    }

    /// Whether an exception of the block contains all of `net`.
    fn excludes(&self, exception: IpNet) -> bool {
        if self.excluded.len() <= usize::from(exception.prefix_len()) {
            return self.excluded.iter().any(|excluded| excluded.contains(&exception));
        }
        let mut around = (0..=exception.prefix_len()).rev().filter_map(|length| widened(exception, length));
        around.any(|net| self.excluded.contains(&net))
    }
}

/// Returns the block of prefix length `length` that contains `net`.
fn widened(net: IpNet, length: u8) -> Option<IpNet> {
    IpNet::new(net.addr(), length).ok().map(|net| net.trunc())
}

/// The maximum number of different items with one block and the same ports to compare with an exception. It keeps the
/// cost linear in the items.
const COMPARED: usize = 64;

fn report_reopened(blocks: &[Block], report: &mut Report<'_>) {
    if blocks.iter().all(|block| block.exceptions.is_empty()) {
        return;
    }
    let mut seen = BTreeSet::new();
    let mut by_net: BTreeMap<(IpNet, PortList), Vec<(usize, &Block)>> = BTreeMap::new();
    let mut lengths = BTreeSet::new();
    for (number, block) in blocks.iter().enumerate() {
        // A copy of an item allows the same as the first one.
        if seen.insert((block.net, block.ports, &block.excluded)) {
            by_net.entry((block.net, block.ports)).or_default().push((number, block));
            lengths.insert(block.net.prefix_len());
        }
    }
    for block in blocks {
        let ports = if block.ports == EVERY_PORT { &[EVERY_PORT][..] } else { &[EVERY_PORT, block.ports] };
        for (place, exception) in &block.exceptions {
            let around =
                lengths.range(..=exception.prefix_len()).filter_map(|length| widened(*exception, *length));
            let same = around.flat_map(|net| ports.iter().map(move |ports| (net, *ports)));
            // The item itself excludes the exception.
            let reopening = same.filter_map(|key| {
                let others = by_net.get(&key)?.iter().take(COMPARED);
                others.into_iter().find(|(_, other)| !other.excludes(*exception))
            });
            if let Some((_, other)) = reopening.min_by_key(|(number, _)| *number) {
                let path = format!("{}.except[{place}]", block.path);
                let message = format!("`{exception}` is opened again by {}", other.path);
                let help = "an exception denies nothing: write `toCIDRSet` or `fromCIDRSet` of a deny entry";
                report.warn("hole-reopened", &path, message, help);
            }
        }
    }
}
