//! Who the other end may be: each member of an entry, rewritten as the agent does
//! (docs/semantics/cilium.md#cilium-implied-namespace).

use super::{
    Findings, cidr,
    cluster_index::ClusterIndex,
    entity::entity,
    name,
    selector::{Keys, below, equals, selector},
    service, trap, trap_cidr, trap_labels,
};
use crate::{
    cluster::identity::{CLUSTER, K8S, NAMESPACE, NAMESPACE_LABELS, NODE, RESERVED},
    ir::{AddressAttribute, Clause, Operator, Requirement, Selector, Test},
    options::{CiliumVersion, Options, Profile},
    resource::{LabelSelector, cilium::Peers},
};
use alloc::{format, string::ToString, vec, vec::Vec};
use ipnet::IpNet;

/// What a policy is lowered in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    /// What is in the cluster.
    pub(super) index: &'a ClusterIndex<'a>,
    pub(super) options: &'a Options,
    /// The policy's namespace; none for one of the whole cluster.
    pub(super) namespace: Option<&'a str>,
    /// Whether the subject names `reserved:init`.
    pub(super) init: bool,
}

impl Scope<'_> {
    pub(super) fn is_strict(&self) -> bool {
        self.options.profile == Profile::Strict
    }
}

/// Who the other end may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ends {
    /// The entry does not say.
    Anyone,
    /// One of these holds; none at all means nobody.
    Only(Vec<Clause>),
}

/// The field names of a direction.
pub(super) fn fields(egress: bool) -> [&'static str; 7] {
    if egress {
        ["toEndpoints", "toCIDR", "toCIDRSet", "toEntities", "toNodes", "toGroups", "toRequires"]
    } else {
        [
            "fromEndpoints",
            "fromCIDR",
            "fromCIDRSet",
            "fromEntities",
            "fromNodes",
            "fromGroups",
            "fromRequires",
        ]
    }
}

/// Lowers the members of one entry at `path`. `toFQDNs` of a deny entry is dropped before, as the agent does.
pub(super) fn ends(
    peers: &Peers<'_>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Ends {
    let [endpoints, cidrs, sets, entities, nodes, groups, _] = fields(egress).map(|f| below(path, f));
    one_member(peers, path, findings);
    let mut clauses = Vec::new();
    if let Some(list) = peers.endpoints {
        let all = list.iter().enumerate();
        let selectors =
            all.map(|(i, item)| endpoint(item, &format!("{endpoints}[{i}]"), scope, findings)).collect();
        clauses.extend(by_labels(selectors));
    }
    if let Some(list) = peers.cidr {
        let mut nets = Vec::new();
        for (i, text) in list.iter().enumerate() {
            let at = format!("{cidrs}[{i}]");
            nets.extend(cidr::address_or_block(text, &at, scope.options, findings));
            nets.iter().skip(i).for_each(|net| trap_cidr::in_cluster(*net, &at, scope, findings));
        }
        clauses.extend(by_address(&nets, scope.options));
    }
    for (i, item) in (0u32..).zip(peers.cidr_set.into_iter().flatten()) {
        let at = format!("{sets}[{i}]");
        clauses.extend(super::cidr_set::clauses(item, i, &at, scope, findings));
    }
    if let Some(list) = peers.entities {
        let mut selectors = Vec::new();
        for (i, name) in list.iter().enumerate() {
            match entity(name, scope.options) {
                Some(labels) => selectors.extend(labels),
                None => findings.error(
                    "unknown-entity",
                    &format!("{entities}[{i}]"),
                    format!("unknown entity `{name}`"),
                    "use all, world, cluster, cluster-mesh, host, remote-node, kube-apiserver, health, init, \
                     ingress, unmanaged or none; case counts",
                ),
            }
        }
        clauses.extend(by_labels(selectors));
    }
    if let Some(list) = peers.nodes {
        if !list.is_empty() && !scope.options.cilium.node_labels {
            let help = "set the option `nodeLabels` (agent: enable-node-selector-labels)";
            findings.error("option-needed", &nodes, "selecting nodes by label is off", help);
        }
        let all = list.iter().enumerate();
        let selectors = all.map(|(i, item)| node(item, &format!("{nodes}[{i}]"), scope, findings)).collect();
        clauses.extend(by_labels(selectors));
    }
    if peers.groups.is_some_and(|g| !g.is_empty()) {
        let help = "until the cloud provider has answered, the entry selects nobody: so it is decided here";
        findings.warn("unresolved-group", &groups, "groups of a cloud provider are not resolved", help);
    }
    let mut resolved = peers.groups.is_some_and(|g| !g.is_empty());
    if let Some(list) = peers.services.filter(|l| !l.is_empty()) {
        let found = service::clauses(list, &below(path, "toServices"), scope, findings);
        resolved |= !found.is_empty() || scope.is_strict();
        clauses.extend(found);
    }
    if let Some(list) = peers.fqdns.filter(|l| !l.is_empty()) {
        resolved = true;
        let patterns = list.iter().map(|item| item.match_pattern.as_deref());
        trap::stars(patterns, &below(path, "toFQDNs"), scope.options, findings);
        clauses.push(name::peer_clause(list, &below(path, "toFQDNs"), scope.options, findings));
    }
    let listed = [
        peers.endpoints.map(<[_]>::len),
        peers.cidr.map(<[_]>::len),
        peers.cidr_set.map(<[_]>::len),
        peers.entities.map(<[_]>::len),
        peers.nodes.map(<[_]>::len),
    ];
    if listed.contains(&Some(0)) {
        return Ends::Only(Vec::new());
    }
    // A list that reads as absent (docs/semantics/cilium.md#cilium-empty-name-list); strict takes it for what it
    // says.
    let hollow = [peers.groups.map(<[_]>::len), peers.services.map(<[_]>::len), peers.fqdns.map(<[_]>::len)];
    if scope.is_strict() && hollow.contains(&Some(0)) {
        return Ends::Only(Vec::new());
    }
    // Requirements alone let nobody in.
    resolved |= peers.requires.is_some();
    if resolved || listed.iter().any(Option::is_some) { Ends::Only(clauses) } else { Ends::Anyone }
}

/// What `fromRequires` or `toRequires` of the entry at `path` ask of every peer (up to Cilium 1.18).
pub(super) fn requirements(
    peers: &Peers<'_>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Vec<Requirement> {
    let Some(list) = peers.requires else { return Vec::new() };
    let [.., field] = fields(egress);
    let at = below(path, field);
    if scope.options.cilium.version >= CiliumVersion::V1_19 {
        let help = "remove it; write a deny entry, or say it in the endpoint selector";
        findings.error("removed-field", &at, "this field was removed in Cilium 1.19", help);
        return Vec::new();
    }
    let help = "say it in the endpoint selectors: Cilium 1.19 refuses the field";
    findings.warn(
        "removed-field",
        &at,
        "this field narrows every peer of the endpoint, and is gone in 1.19",
        help,
    );
    let selectors = list.iter().enumerate();
    let selectors = selectors.map(|(i, item)| endpoint(item, &format!("{at}[{i}]"), scope, findings));
    selectors.flat_map(|selector| selector.requirements).collect()
}

fn one_member(peers: &Peers<'_>, path: &str, findings: &mut Findings) {
    let filled = [
        peers.endpoints.is_some_and(|l| !l.is_empty()),
        peers.cidr.is_some_and(|l| !l.is_empty()),
        peers.cidr_set.is_some_and(|l| !l.is_empty()),
        peers.entities.is_some_and(|l| !l.is_empty()),
        peers.nodes.is_some_and(|l| !l.is_empty()),
        peers.groups.is_some_and(|l| !l.is_empty()),
        peers.services.is_some_and(|l| !l.is_empty()),
        peers.fqdns.is_some_and(|l| !l.is_empty()),
    ];
    if filled.iter().filter(|f| **f).count() > 1 {
        let help = "write an entry of its own for each: entries are ORed";
        findings.error("two-peers", path, "the entry names the other end in two ways", help);
    }
}

/// Labels of one of `selectors`.
pub(super) fn by_labels(selectors: Vec<Selector>) -> Vec<Clause> {
    if selectors.iter().any(|s| s.requirements.is_empty()) {
        return vec![Clause::default()];
    }
    if selectors.is_empty() {
        return Vec::new();
    }
    vec![Clause { tests: vec![Test::labels(selectors)], index: 0 }]
}

/// An address in one of `nets`.
pub(super) fn by_address(nets: &[IpNet], options: &Options) -> Vec<Clause> {
    let (worlds, blocks): (Vec<IpNet>, Vec<IpNet>) = nets.iter().partition(|n| n.prefix_len() == 0);
    let worlds = worlds.into_iter().flat_map(|net| cidr::clauses(net, &[], 0, options));
    let mut clauses: Vec<Clause> = worlds.collect();
    if !blocks.is_empty() {
        let blocks = blocks.into_iter().map(|net| cidr::in_key(net, options));
        let test = Test::address(AddressAttribute::Peer, blocks);
        clauses.push(Clause { tests: vec![test], index: 0 });
    }
    clauses
}

/// An item of `fromEndpoints` or `toEndpoints`.
pub(super) fn endpoint(
    item: &LabelSelector,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Selector {
    let mut labels = selector(item, Keys::Any, "", path, findings);
    trap::negative_peer(&labels, path, scope, findings);
    trap_labels::excluded(&labels, path, scope, findings);
    if labels.requirements.iter().any(|r| r.source.as_deref() == Some(RESERVED)) {
        return labels;
    }
    let named = labels.names(K8S, NAMESPACE);
    let by_namespace_labels = labels.requirements.iter().any(|r| r.key.starts_with(NAMESPACE_LABELS));
    match scope.namespace {
        _ if named => close_negative(&mut labels, scope),
        Some(_) if by_namespace_labels => close_negative(&mut labels, scope),
        Some(namespace) => labels.require(K8S, NAMESPACE, equals(namespace)),
        None if scope.init => {}
        None => labels.require(K8S, NAMESPACE, Operator::Exists),
    }
    local_cluster(&mut labels, scope);
    labels
}

/// An item of `fromNodes` or `toNodes`.
fn node(item: &LabelSelector, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Selector {
    let mut labels = selector(item, Keys::Forced(NODE), "", path, findings);
    labels.require(RESERVED, "remote-node", Operator::Exists);
    local_cluster(&mut labels, scope);
    labels
}

/// Limits `labels` to the namespaces that a selector of Kubernetes' own kinds names. `local` tells whether the peer
/// may be limited to the local cluster too.
pub(super) fn in_namespaces(
    labels: &mut Selector,
    namespaces: &LabelSelector,
    local: bool,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) {
    let by_label = selector(namespaces, Keys::Plain(K8S), NAMESPACE_LABELS, path, findings);
    if by_label.requirements.is_empty() {
        labels.require(K8S, NAMESPACE, Operator::Exists);
    } else {
        trap::negative_namespaces(&by_label.requirements, local, path, scope, findings);
        labels.requirements.extend(by_label.requirements);
        close_negative(labels, scope);
    }
}

/// Under the strict profile, and where the agent asks for it, a selector by namespace always means pods
/// (docs/semantics/cilium.md#cilium-negative-namespace).
fn close_negative(labels: &mut Selector, scope: &Scope<'_>) {
    if scope.is_strict() || scope.options.cilium.namespace_must_exist {
        labels.require(K8S, NAMESPACE, Operator::Exists);
    }
}

/// Limits `labels` to the local cluster unless it names one (docs/semantics/cilium.md#cilium-local-cluster).
pub(super) fn local_cluster(labels: &mut Selector, scope: &Scope<'_>) {
    if scope.options.cilium.default_local_cluster() && !labels.names(K8S, CLUSTER) {
        labels.require(K8S, CLUSTER, equals(&scope.options.cilium.cluster_name.to_string()));
    }
}
