//! Warnings about NetworkPolicy.

use super::{
    super::super::model::{
        Faults, Keys, Number, Scope, below, network_policy_port, parse_block_with_host_bits, selector,
    },
    blocks, labels, peers,
};
use crate::{
    cluster::identity::K8S,
    diagnostic::Report,
    resource::{
        LabelSelector,
        kubernetes::{NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, NetworkPolicySpec},
    },
};
use alloc::format;

/// Adds the warnings about `spec`.
pub(super) fn check(spec: &NetworkPolicySpec, scope: &Scope<'_>, report: &mut Report<'_>) {
    if let Some(pods) = &spec.pod_selector {
        pod_labels(pods, "spec.podSelector", scope, report);
    }
    let types = spec.policy_types.as_deref().unwrap_or_default();
    let lists = |direction: &str| types.iter().any(|t| t.as_str() == direction);
    let listed = [("egress", lists("Egress")), ("ingress", lists("Ingress") || !lists("Egress"))];
    for ((section, is_listed), list) in listed.into_iter().zip([&spec.egress, &spec.ingress]) {
        let rules = list.as_deref().unwrap_or_default();
        if !rules.is_empty() && !types.is_empty() && !is_listed {
            let help =
                "list the direction in policyTypes, or remove its rules: Cilium enforces them, others do not";
            let message = format!("`policyTypes` does not list the direction of `{section}`");
            report.warn("unlisted-direction", "spec.policyTypes", message, help);
        }
        for (i, item) in rules.iter().enumerate() {
            if let Some(item) = item {
                rule(item, section == "egress", &format!("spec.{section}[{i}]"), scope, report);
            }
        }
    }
}

fn rule(rule: &NetworkPolicyRule, is_egress: bool, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let (field, list) = if is_egress { ("to", &rule.to) } else { ("from", &rule.from) };
    for (i, item) in list.iter().flatten().enumerate() {
        if let Some(item) = item {
            peer(item, &format!("{path}.{field}[{i}]"), scope, report);
        }
    }
    let list = rule.ports.as_deref().unwrap_or_default();
    for (i, item) in list.iter().enumerate() {
        if item.as_ref().is_some_and(is_tcp_dns) && !list.iter().flatten().any(is_udp) {
            let at = format!("{path}.ports[{i}]");
            let help = "write a second port with `protocol: UDP`: lookups use it first";
            report.warn("tcp-only-dns", &at, "without a protocol port 53 is TCP only", help);
        }
    }
}

/// Whether `item` is port 53 without a protocol, which means TCP.
fn is_tcp_dns(item: &NetworkPolicyPort) -> bool {
    item.protocol.is_none()
        && network_policy_port(item, "", &mut Faults::default()) == Some(Number::Range(53, 53))
}

fn is_udp(item: &NetworkPolicyPort) -> bool {
    item.protocol.as_deref() == Some("UDP")
}

fn peer(peer: &NetworkPolicyPeer, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    if let Some(block) = &peer.ip_block {
        if let Some(net) = parse_block_with_host_bits(&block.cidr) {
            blocks::in_cluster(net, &format!("{path}.ipBlock.cidr"), scope, report);
        }
        return;
    }
    if let Some(pods) = &peer.pod_selector {
        pod_labels(pods, &below(path, "podSelector"), scope, report);
    }
    if let Some(namespaces) = &peer.namespace_selector {
        peers::namespaces(namespaces, true, &below(path, "namespaceSelector"), scope, report);
    }
}

/// Adds the warnings about a selector of pods of Kubernetes' own kinds.
pub(super) fn pod_labels(pods: &LabelSelector, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let pods = selector(pods, Keys::Plain(K8S), "", path, &mut Faults::default());
    labels::excluded(&pods, path, scope, report);
}
