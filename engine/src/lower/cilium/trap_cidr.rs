//! Warnings about blocks of addresses (T21, T23).

use super::{Findings, cidr, peer::Scope, peer::fields};
use crate::resource::cilium::{CiliumRule, Peers, PortRule};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;
use ipnet::IpNet;

/// A block of addresses that holds pods, nodes or a service, which it never selects.
pub(super) fn in_cluster(net: IpNet, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    if net.prefix_len() == 0 {
        return;
    }
    let mode = |name: &str| scope.options.cidr_match.iter().any(|m| m == name);
    let held = (!mode("pods"))
        .then(|| pods(net, scope))
        .flatten()
        .or_else(|| (!mode("nodes")).then(|| nodes(net, scope)).flatten())
        .or_else(|| service(net, scope));
    if let Some((what, help)) = held {
        let message = format!("`{net}` holds {what}, and never selects one");
        findings.warn("cidr-holds-pods", path, message, help);
    }
}

fn pods(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    let help = "select pods by their labels";
    let inside = |w: &&crate::cluster::Workload| !w.host_network && w.ips.iter().any(|ip| net.contains(ip));
    if let Some(pod) = scope.cluster.workloads().find(inside) {
        return Some((format!("pods such as {}/{}", pod.namespace, pod.name), help));
    }
    let nodes = scope.cluster.resources().nodes.iter();
    let mut ranges = nodes.flat_map(|n| n.spec.pod_cidrs.iter().map(move |cidr| (n, cidr)));
    let (node, range) = ranges.find(|(_, range)| {
        cidr::parse(range).is_some_and(|range| range.contains(&net) || net.contains(&range))
    })?;
    Some((format!("pods: `{range}` is the pod range of node {}", node.metadata.name), help))
}

fn nodes(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    let holds = |text: &String| text.parse::<IpAddr>().is_ok_and(|ip| net.contains(&ip));
    let mut nodes = scope.cluster.resources().nodes.iter();
    let node = nodes.find(|n| n.spec.addresses.iter().any(holds))?;
    let help = "select nodes by the entities `host`, `remote-node` and `kube-apiserver`";
    Some((format!("nodes such as {}", node.metadata.name), help))
}

/// An address of a Service is judged as its pods.
fn service(net: IpNet, scope: &Scope<'_>) -> Option<(String, &'static str)> {
    if net.prefix_len() < net.max_prefix_len() {
        return None;
    }
    let is = |text: &String| text.parse::<IpAddr>().is_ok_and(|ip| net.contains(&ip));
    let mut services = scope.cluster.resources().services.iter();
    let service = services.find(|s| is(&s.spec.cluster_ip) || s.spec.cluster_ips.iter().any(is))?;
    let name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
    Some((format!("the service {name}, judged as its pods"), "select its pods, or write `toServices`"))
}

struct Block<'a> {
    path: String,
    net: IpNet,
    holes: Vec<(String, IpNet)>,
    ports: &'a [PortRule],
}

/// Exceptions that another item of the same direction opens again (T23).
pub(super) fn reopened(rule: &CiliumRule, path: &str, findings: &mut Findings) {
    let mut blocks = Vec::new();
    for (i, entry) in rule.ingress.iter().flatten().enumerate() {
        let at = format!("{path}.ingress[{i}]");
        collect(&entry.peers(), entry.to_ports.as_deref().unwrap_or_default(), false, &at, &mut blocks);
    }
    report(&blocks, findings);
    blocks.clear();
    for (i, entry) in rule.egress.iter().flatten().enumerate() {
        let at = format!("{path}.egress[{i}]");
        collect(&entry.peers(), entry.to_ports.as_deref().unwrap_or_default(), true, &at, &mut blocks);
    }
    report(&blocks, findings);
}

fn collect<'a>(
    peers: &Peers<'a>,
    ports: &'a [PortRule],
    egress: bool,
    path: &str,
    blocks: &mut Vec<Block<'a>>,
) {
    let [_, cidrs, sets, ..] = fields(egress);
    for (i, text) in peers.cidr.into_iter().flatten().enumerate() {
        if let Some(net) = cidr::parse(text) {
            blocks.push(Block { path: format!("{path}.{cidrs}[{i}]"), net, holes: Vec::new(), ports });
        }
    }
    for (i, item) in peers.cidr_set.into_iter().flatten().enumerate() {
        let Some(net) = item.cidr.as_deref().and_then(cidr::parse) else { continue };
        let at = format!("{path}.{sets}[{i}]");
        let holes = item.except.iter().flatten().enumerate();
        let holes = holes.filter_map(|(n, text)| Some((format!("{at}.except[{n}]"), cidr::parse(text)?)));
        blocks.push(Block { net, holes: holes.collect(), ports, path: at.to_string() });
    }
}

fn report(blocks: &[Block<'_>], findings: &mut Findings) {
    for block in blocks {
        for (path, hole) in &block.holes {
            let opens = |other: &&Block<'_>| {
                other.path != block.path
                    && (other.ports.is_empty() || other.ports == block.ports)
                    && other.net.contains(hole)
                    && !other.holes.iter().any(|(_, spared)| spared.contains(hole))
            };
            if let Some(other) = blocks.iter().find(opens) {
                let message = format!("`{hole}` is opened again by {}", other.path);
                let help = "an exception denies nothing: write `toCIDRSet` or `fromCIDRSet` of a deny entry";
                findings.warn("hole-reopened", path, message, help);
            }
        }
    }
}
