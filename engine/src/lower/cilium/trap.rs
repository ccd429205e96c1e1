//! Warnings about what is legal and rarely meant (docs/semantics/cilium.md#cilium-trap-warnings).

use super::{
    Findings,
    peer::{Scope, fields},
    selector::below,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE, NAMESPACE_LABELS, RESERVED},
    ir::{Operator, Requirement, Selector},
    options::{CiliumVersion, Options},
    resource::cilium::{CiliumRule, Peers, PortProtocol},
};
use alloc::{collections::BTreeSet, format, vec::Vec};

fn is_negative(operator: &Operator) -> bool {
    matches!(operator, Operator::NotIn(_) | Operator::DoesNotExist)
}

/// A peer that only says what it is not (docs/semantics/cilium.md#cilium-reserved-key,
/// docs/semantics/cilium.md#cilium-negative-namespace).
pub(super) fn negative_peer(labels: &Selector, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    let reserved = labels.requirements.iter().filter(|r| r.source.as_deref() == Some(RESERVED));
    let reserved: Vec<_> = reserved.collect();
    if !reserved.is_empty() && reserved.iter().all(|r| is_negative(&r.operator)) {
        let message = "a `reserved:` key drops the policy's namespace, so this peer is every other end";
        let help = "add the namespace, such as `k8s:io.kubernetes.pod.namespace`";
        findings.warn("negative-reserved", path, message, help);
        return;
    }
    negative_namespaces(&labels.requirements, true, path, scope, findings);
}

/// Requirements on namespaces of which none demands one (docs/semantics/cilium.md#cilium-negative-namespace). `local`
/// tells whether the agent may limit the peer to the local cluster.
pub(super) fn negative_namespaces(
    requirements: &[Requirement],
    local: bool,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) {
    let names = |r: &&Requirement| {
        (*r.key == *NAMESPACE || r.key.starts_with(NAMESPACE_LABELS))
            && r.source.as_deref().is_none_or(|s| s == K8S)
    };
    let on_namespace: Vec<_> = requirements.iter().filter(names).collect();
    if !on_namespace.is_empty() && on_namespace.iter().all(|r| is_negative(&r.operator)) {
        let who = if (local && scope.options.cilium.default_local_cluster())
            || scope.options.cilium.namespace_must_exist
        {
            "pods of every other namespace"
        } else {
            "every other end, the world and nodes included"
        };
        let message = format!("a negative namespace key asks for no namespace, so this peer is {who}");
        let help = "add `{key: io.kubernetes.pod.namespace, operator: Exists}`";
        findings.warn("negative-namespace", path, message, help);
    }
}

/// Lists that are there and empty (docs/semantics/cilium.md#cilium-empty-peer-list,
/// docs/semantics/cilium.md#cilium-empty-name-list), and entries that say nothing at all
/// (docs/semantics/cilium.md#cilium-empty-entry).
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

/// `enableDefaultDeny: true` of a direction without entries (docs/semantics/cilium.md#cilium-default-deny-flag).
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

/// A deny entry against the local host, which its kubelet probes from (docs/semantics/cilium.md#cilium-local-host).
pub(super) fn denied_host(peers: &Peers<'_>, path: &str, findings: &mut Findings) {
    for (i, entity) in peers.entities.into_iter().flatten().enumerate() {
        if matches!(entity.as_str(), "host" | "all" | "cluster") {
            let at = format!("{path}.fromEntities[{i}]");
            let message =
                format!("denying `{entity}` denies the local host too, and with it kubelet's probes");
            let help = "name the ends that are meant, or restrict the entry to ports that no probe uses";
            findings.warn("denied-host", &at, message, help);
        }
    }
}

/// A port's text that is read otherwise than it looks (docs/semantics/cilium.md#cilium-port-text), or a range that
/// depends on the direction (docs/semantics/cilium.md#cilium-named-port-range).
pub(super) fn port_text(item: &PortProtocol, path: &str, findings: &mut Findings) {
    let text = item.port.as_deref().unwrap_or_default();
    if text.strip_prefix("0x").is_some_and(|t| t.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("`{text}` is read as the name of a port, not as a number");
        findings.warn("hex-port", &below(path, "port"), message, "write it in decimal");
    } else if text.starts_with('0') && text.len() > 1 && !super::port::is_service_name(text) {
        let message = format!("`{text}` is read as an octal number");
        findings.warn("octal-port", &below(path, "port"), message, "write it in decimal, without the zero");
    }
    if super::port::is_service_name(text) && item.end_port.is_some_and(|e| e != 0) {
        let message =
            "`endPort` beside a port's name opens a range on ingress, and on egress up to Cilium 1.19";
        findings.warn("named-range", &below(path, "endPort"), message, "write the numbers");
    }
}

/// The patterns of the list at `path`: `*.x` beside `*.*.x`, where `**.x` is every depth; a double star that is only
/// one (docs/semantics/cilium.md#cilium-leading-double-star, docs/semantics/cilium.md#cilium-star-and-dot); a star
/// that runs into a name (docs/semantics/cilium.md#cilium-star-without-dot).
pub(super) fn stars<'a>(
    list: impl Iterator<Item = Option<&'a str>>,
    path: &str,
    options: &Options,
    findings: &mut Findings,
) {
    let list: Vec<Option<&str>> = list.collect();
    let parents: BTreeSet<&str> =
        list.iter().copied().flatten().filter_map(|pattern| pattern.strip_prefix("*.")).collect();
    let deep = options.cilium.version >= CiliumVersion::V1_19;
    for (i, pattern) in list.iter().enumerate() {
        let Some(pattern) = *pattern else { continue };
        let at = format!("{path}[{i}].matchPattern");
        if let Some(parent) = pattern.strip_prefix("*.*.")
            && parents.contains(parent)
        {
            let parent = parent.trim_start_matches("*.");
            let message = format!("`{pattern}` and its like are a ladder, a step for each depth");
            let help = match deep {
                true => format!("write `**.{parent}` for every depth"),
                false => format!("since Cilium 1.19 `**.{parent}` is every depth"),
            };
            findings.warn("star-ladder", &at, message, &help);
        }
        let after = pattern.trim_start_matches('*');
        if after.len() < pattern.len()
            && after.starts_with(|c: char| c.is_ascii_alphanumeric())
            && after.trim_end_matches('.').contains('.')
        {
            let message =
                format!("`{pattern}` matches `evil{after}` and `{after}`, and no name below `{after}`");
            let help = format!("write `*.{after}` for names below it, and `{after}` for itself");
            findings.warn("star-without-dot", &at, message, &help);
        }
        if pattern.starts_with("**.") && !deep {
            let message = format!("before Cilium 1.19 `{pattern}` is one label only, as with one star");
            findings.warn("double-star", &at, message, "write a pattern for each depth");
        }
        let inner = pattern.strip_prefix("**.").unwrap_or(pattern);
        if inner.contains("**") && inner.bytes().any(|b| b != b'*' && b != b'.') {
            let message = format!("`**` inside `{pattern}` stands for one label only, as `*` does");
            findings.warn("double-star", &at, message, "only a leading `**.` stands for several labels");
        }
    }
}
