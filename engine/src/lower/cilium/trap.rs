//! Warnings about what is legal and rarely meant (`spec/cilium.md` 10).

use super::{
    Findings,
    peer::{Scope, fields},
    selector::below,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE, RESERVED},
    ir::{Operator, Selector},
    resource::cilium::{CiliumRule, FqdnSelector, Peers, PortProtocol},
};
use alloc::{format, vec::Vec};
use ipnet::IpNet;

fn is_negative(operator: &Operator) -> bool {
    matches!(operator, Operator::NotIn(_) | Operator::DoesNotExist)
}

/// A peer that only says what it is not (T4, T6).
pub(super) fn negative_peer(labels: &Selector, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    let reserved = labels.requirements.iter().filter(|r| r.source.as_deref() == Some(RESERVED));
    let reserved: Vec<_> = reserved.collect();
    if !reserved.is_empty() && reserved.iter().all(|r| is_negative(&r.operator)) {
        let message = "a `reserved:` key drops the policy's namespace, so this peer is every other end";
        let help = "add the namespace, such as `k8s:io.kubernetes.pod.namespace`";
        findings.warn("negative-reserved", path, message, help);
        return;
    }
    let on_namespace = labels
        .requirements
        .iter()
        .filter(|r| *r.key == *NAMESPACE && r.source.as_deref().is_none_or(|s| s == K8S));
    let on_namespace: Vec<_> = on_namespace.collect();
    if !on_namespace.is_empty() && on_namespace.iter().all(|r| is_negative(&r.operator)) {
        let who = if scope.options.default_local_cluster() {
            "pods of every other namespace"
        } else {
            "every other end, the world and nodes included"
        };
        let message = format!("a negative namespace key asks for no namespace, so this peer is {who}");
        let help = "add `{key: io.kubernetes.pod.namespace, operator: Exists}`";
        findings.warn("negative-namespace", path, message, help);
    }
}

/// Lists that are there and empty (T13, T14), and entries that say nothing at all (T12).
pub(super) fn empty_lists(
    peers: &Peers<'_>,
    has_ports: bool,
    egress: bool,
    path: &str,
    findings: &mut Findings,
) {
    let [endpoints, cidr, cidr_set, entities, nodes, groups, _] = fields(egress);
    let nobody = [
        (endpoints, peers.endpoints.map(<[_]>::len)),
        (cidr, peers.cidr.map(<[_]>::len)),
        (cidr_set, peers.cidr_set.map(<[_]>::len)),
        (entities, peers.entities.map(<[_]>::len)),
        (nodes, peers.nodes.map(<[_]>::len)),
    ];
    let absent = [
        (groups, peers.groups.map(<[_]>::len)),
        ("toServices", peers.services.map(<[_]>::len)),
        ("toFQDNs", peers.fqdns.map(<[_]>::len)),
    ];
    for (field, _) in nobody.iter().filter(|(_, len)| *len == Some(0)) {
        let message = format!("an empty `{field}` selects nobody, whatever else the entry says");
        let help = "remove the field to mean everyone, or the entry to mean nobody";
        findings.warn("empty-list", &below(path, field), message, help);
    }
    for (field, _) in absent.iter().filter(|(_, len)| *len == Some(0)) {
        let what = if has_ports { "every destination on these ports" } else { "nobody" };
        let message = format!("an empty `{field}` reads as absent: the entry is about {what}");
        findings.warn("empty-list", &below(path, field), message, "remove the field, or fill it");
    }
    let all = nobody.iter().chain(&absent);
    if !has_ports && all.clone().all(|(_, len)| len.is_none()) {
        let message = "an empty entry matches nothing; it only closes its direction";
        let help = "to allow everyone write the entity `all`";
        findings.warn("empty-entry", path, message, help);
    }
}

/// `enableDefaultDeny: true` of a direction without entries (T9).
pub(super) fn idle_flag(rule: &CiliumRule, path: &str, findings: &mut Findings) {
    let flag = rule.enable_default_deny.unwrap_or_default();
    let filled = |a: bool, b: bool| a || b;
    let ingress = filled(
        rule.ingress.as_ref().is_some_and(|l| !l.is_empty()),
        rule.ingress_deny.as_ref().is_some_and(|l| !l.is_empty()),
    );
    let egress = filled(
        rule.egress.as_ref().is_some_and(|l| !l.is_empty()),
        rule.egress_deny.as_ref().is_some_and(|l| !l.is_empty()),
    );
    for (field, set, filled) in [("ingress", flag.ingress, ingress), ("egress", flag.egress, egress)] {
        if set == Some(true) && !filled {
            let at = format!("{path}.enableDefaultDeny.{field}");
            let message = format!("without an entry of `{field}` nothing is armed");
            findings.warn("idle-default-deny", &at, message, &format!("add `{field}: [{{}}]`"));
        }
    }
}

/// A block of addresses that holds pods, which it never selects (T21).
pub(super) fn pods_in_block(net: IpNet, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    if net.prefix_len() == 0 || scope.options.cidr_match.iter().any(|m| m == "pods") {
        return;
    }
    let inside = |w: &&crate::cluster::Workload| !w.host_network && w.ips.iter().any(|ip| net.contains(ip));
    if let Some(pod) = scope.cluster.workloads().find(inside) {
        let message =
            format!("`{net}` holds pods such as {}/{}, and never selects one", pod.namespace, pod.name);
        findings.warn("cidr-holds-pods", path, message, "select pods by their labels");
    }
}

/// A port's text that is read otherwise than it looks (T17), or a range that depends on the direction (T19).
pub(super) fn port_text(item: &PortProtocol, path: &str, findings: &mut Findings) {
    let text = item.port.as_deref().unwrap_or_default();
    if text.strip_prefix("0x").is_some_and(|t| t.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("`{text}` is read as the name of a port, not as a number");
        findings.warn("hex-port", &below(path, "port"), message, "write it in decimal");
    } else if text.starts_with('0') && text.len() > 1 {
        let message = format!("`{text}` is read as an octal number");
        findings.warn("octal-port", &below(path, "port"), message, "write it in decimal, without the zero");
    }
    if super::port::is_service_name(text) && item.end_port.is_some_and(|e| e != 0) {
        let message = "`endPort` beside a port's name opens a range on ingress and is ignored on egress";
        findings.warn("named-range", &below(path, "endPort"), message, "write the numbers");
    }
}

/// `*.x` beside `*.*.x`, where `**.x` is every depth; a double star that is only one (T31, T32).
pub(super) fn stars(list: &[FqdnSelector], path: &str, findings: &mut Findings) {
    let patterns: Vec<&str> = list.iter().filter_map(|item| item.match_pattern.as_deref()).collect();
    for (i, item) in list.iter().enumerate() {
        let Some(pattern) = item.match_pattern.as_deref() else { continue };
        let at = format!("{path}[{i}].matchPattern");
        if let Some(parent) = pattern.strip_prefix("*.*.")
            && patterns.iter().any(|p| p.strip_prefix("*.") == Some(parent))
        {
            let parent = parent.trim_start_matches("*.");
            let message = format!("`{pattern}` and its like are a ladder, a step for each depth");
            findings.warn("star-ladder", &at, message, &format!("write `**.{parent}` for every depth"));
        }
        let inner = pattern.strip_prefix("**.").unwrap_or(pattern);
        if inner.contains("**") && inner.bytes().any(|b| b != b'*' && b != b'.') {
            let message = format!("`**` inside `{pattern}` stands for one label only, as `*` does");
            findings.warn("double-star", &at, message, "only a leading `**.` stands for several labels");
        }
    }
}
