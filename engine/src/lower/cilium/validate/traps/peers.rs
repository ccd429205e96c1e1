//! Warnings about the peers of an entry.

use super::{
    super::super::model::{
        Faults, Keys, Scope, Source, backend_addresses, below, matching_services, parse_address_or_block,
        parse_block_with_host_bits, peer_fields, selector, source,
    },
    blocks, labels, names,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE, NAMESPACE_LABELS, RESERVED},
    diagnostic::Report,
    ir::{Operator, Requirement, Selector},
    options::CiliumVersion,
    resource::{
        LabelSelector,
        cilium::{CidrRule, Peers, ServicePeer},
    },
};
use alloc::{format, vec::Vec};

/// Adds the warnings about each peer field of the entry at `path`.
pub(super) fn check(
    peers: &Peers<'_>,
    is_egress: bool,
    path: &str,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) {
    let [endpoints, cidrs, sets, _, _, groups, _] = peer_fields(is_egress).map(|f| below(path, f));
    for (i, item) in peers.endpoints.into_iter().flatten().enumerate() {
        endpoint(item, &format!("{endpoints}[{i}]"), scope, report);
    }
    for (i, text) in peers.cidr.into_iter().flatten().enumerate() {
        if let Some(net) = parse_address_or_block(text, scope.options) {
            blocks::in_cluster(net, &format!("{cidrs}[{i}]"), scope, report);
        }
    }
    for (i, item) in peers.cidr_set.into_iter().flatten().enumerate() {
        cidr_set(item, &format!("{sets}[{i}]"), scope, report);
    }
    if peers.groups.is_some_and(|g| !g.is_empty()) {
        let help = "until the cloud provider answers, the entry selects no peer; Palisade decides this state";
        report.warn("unresolved-group", &groups, "groups of a cloud provider are not resolved", help);
    }
    for (i, item) in peers.services.into_iter().flatten().enumerate() {
        service(item, &format!("{path}.toServices[{i}]"), scope, report);
    }
    if let Some(list) = peers.fqdns {
        let at = below(path, "toFQDNs");
        let items = || list.iter().map(|item| (item.match_name.as_deref(), item.match_pattern.as_deref()));
        names::stars(items().map(|(_, pattern)| pattern), &at, scope.options, report);
        names::empty(items(), "the item matches only the root name", &at, report);
    }
}

/// Adds the warnings about `fromRequires` or `toRequires` of the entry at `path`.
pub(super) fn requirements(
    peers: &Peers<'_>,
    is_egress: bool,
    path: &str,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) {
    let Some(list) = peers.requires.filter(|_| scope.options.cilium.version < CiliumVersion::V1_19) else {
        return;
    };
    let [.., field] = peer_fields(is_egress);
    let at = below(path, field);
    let message = "this field narrows every peer of the endpoint, and is gone in 1.19";
    let help = "say it in the endpoint selectors: Cilium 1.19 refuses the field";
    report.warn("removed-field", &at, message, help);
    for (i, item) in list.iter().enumerate() {
        endpoint(item, &format!("{at}[{i}]"), scope, report);
    }
}

fn endpoint(item: &LabelSelector, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let labels = selector(item, Keys::Any, "", path, &mut Faults::default());
    negative_peer(&labels, path, scope, report);
    labels::excluded(&labels, path, scope, report);
}

fn cidr_set(item: &CidrRule, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    match source(item) {
        Some(Source::Block(text)) => {
            if let Some(net) = parse_block_with_host_bits(text) {
                blocks::in_cluster(net, path, scope, report);
            }
        }
        Some(Source::GroupName(name)) if scope.index.groups_named(name).is_empty() => {
            let message = format!("no CiliumCIDRGroup `{name}` is in the input, so the item selects no peer");
            let help = "add the group to the manifests, or correct the name";
            report.warn("unknown-group", &below(path, "cidrGroupRef"), message, help);
        }
        _ => {}
    }
}

/// Warns of a Service without a known backend (docs/semantics/cilium.md#cilium-unknown-service).
fn service(item: &ServicePeer, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let services = matching_services(item, path, scope, &mut Faults::default());
    let has_backend = services
        .iter()
        .any(|service| !service.spec.selector.is_empty() || !backend_addresses(service, scope).is_empty());
    if has_backend {
        return;
    }
    let help = "add the Service with its pods or EndpointSlices to the manifests; with `toPorts` the entry opens (or, in \
                egressDeny, closes) these ports for every destination as long as no backend is known";
    let message =
        if services.is_empty() { "no such Service is known" } else { "no backend of the Service is known" };
    report.warn("unknown-service", path, message, help);
}

/// Warns of a selector of namespaces of Kubernetes' own kinds. If `can_be_local`, the agent may limit the peer to the
/// local cluster.
pub(super) fn namespaces(
    by_label: &LabelSelector,
    can_be_local: bool,
    path: &str,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) {
    let by_label = selector(by_label, Keys::Plain(K8S), NAMESPACE_LABELS, path, &mut Faults::default());
    negative_namespaces(&by_label.requirements, can_be_local, path, scope, report);
}

fn is_negative(operator: &Operator) -> bool {
    matches!(operator, Operator::NotIn(_) | Operator::DoesNotExist)
}

/// Warns of a peer selector of negative terms alone (docs/semantics/cilium.md#cilium-reserved-key,
/// docs/semantics/cilium.md#cilium-negative-namespace).
fn negative_peer(labels: &Selector, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let reserved = labels.requirements.iter().filter(|r| r.source.as_deref() == Some(RESERVED));
    let reserved: Vec<_> = reserved.collect();
    if !reserved.is_empty() && reserved.iter().all(|r| is_negative(&r.operator)) {
        let message = "a `reserved:` key drops the policy's namespace, so this peer is every other end";
        let help = "add the namespace, such as `k8s:io.kubernetes.pod.namespace`";
        report.warn("negative-reserved", path, message, help);
        return;
    }
    negative_namespaces(&labels.requirements, true, path, scope, report);
}

/// Warns of negative requirements on namespaces without a positive one
/// (docs/semantics/cilium.md#cilium-negative-namespace). If `can_be_local`, the agent may limit the peer to the local
/// cluster.
fn negative_namespaces(
    requirements: &[Requirement],
    can_be_local: bool,
    path: &str,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) {
    let names = |r: &&Requirement| {
        (*r.key == *NAMESPACE || r.key.starts_with(NAMESPACE_LABELS))
            && r.source.as_deref().is_none_or(|s| s == K8S)
    };
    let on_namespace: Vec<_> = requirements.iter().filter(names).collect();
    if !on_namespace.is_empty() && on_namespace.iter().all(|r| is_negative(&r.operator)) {
        let who = if (can_be_local && scope.options.cilium.default_local_cluster())
            || scope.options.cilium.namespace_must_exist
        {
            "pods of every other namespace"
        } else {
            "every other endpoint, the world and nodes included"
        };
        let message = format!("a negative namespace key requires no namespace, so this peer is {who}");
        let help = "add `{key: io.kubernetes.pod.namespace, operator: Exists}`";
        report.warn("negative-namespace", path, message, help);
    }
}

/// Warns of empty lists (docs/semantics/cilium.md#cilium-empty-peer-list,
/// docs/semantics/cilium.md#cilium-empty-name-list), and of entries without peers and ports
/// (docs/semantics/cilium.md#cilium-empty-entry).
pub(super) fn empty_lists(
    peers: &Peers<'_>,
    has_ports: bool,
    is_egress: bool,
    path: &str,
    report: &mut Report<'_>,
) {
    let [endpoints, cidr, cidr_set, entities, nodes, groups, _] = peer_fields(is_egress);
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
        let message =
            format!("an empty `{field}` selects no peer, regardless of the other fields of the entry");
        let help = "remove the field to select every peer, or the entry to select none";
        report.warn("empty-list", &below(path, field), message, help);
    }
    for (field, _) in absent.iter().filter(|(_, len)| *len == Some(0)) {
        let what = if has_ports { "every destination on these ports" } else { "no peer" };
        let message = format!("an empty `{field}` is equal to an absent field: the entry selects {what}");
        report.warn("empty-list", &below(path, field), message, "remove the field, or fill it");
    }
    let all = nobody.iter().chain(&absent);
    if !has_ports && all.clone().all(|(_, len)| len.is_none()) {
        let message = "an empty entry matches nothing; it only closes its direction";
        let help = "to allow every peer, write the entity `all`";
        report.warn("empty-entry", path, message, help);
    }
}

/// Warns of a deny entry that denies the local host, and with it the probes of the kubelet
/// (docs/semantics/cilium.md#cilium-local-host).
pub(super) fn denied_host(peers: &Peers<'_>, path: &str, report: &mut Report<'_>) {
    for (i, entity) in peers.entities.into_iter().flatten().enumerate() {
        if matches!(entity.as_str(), "host" | "all" | "cluster") {
            let at = format!("{path}.fromEntities[{i}]");
            let message =
                format!("denying `{entity}` denies the local host too, and with it kubelet's probes");
            let help = "list the intended peers, or restrict the entry to ports that no probe uses";
            report.warn("denied-host", &at, message, help);
        }
    }
}
