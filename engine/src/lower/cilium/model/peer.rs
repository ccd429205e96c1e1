//! The peers of an entry, with the requirements that the agent adds to their selectors
//! (docs/semantics/cilium.md#cilium-implied-namespace).

use super::{
    cidr, cidr_set,
    entity::entity,
    fault::{Faults, PeerFault},
    fqdn,
    scope::{Scope, below, local_cluster, peer_fields},
    selector::{Keys, equals, selector},
    service,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE, NAMESPACE_LABELS, NODE, RESERVED},
    ir::{AddressAttribute, Clause, Field, Operator, Requirement, Selector, Test},
    options::{CiliumVersion, Options},
    resource::{LabelSelector, cilium::Peers},
};
use alloc::{format, vec, vec::Vec};
use ipnet::IpNet;

/// The peers that an entry matches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PeerSpec {
    /// Every peer: the entry has no peer field.
    Any,
    /// The peers that match one of these clauses. Without a clause, the entry matches no peer.
    AnyOf(Vec<Clause>),
}

/// Returns the peers of the entry at `path`. The caller removes `toFQDNs` of a deny entry.
pub(super) fn peer_spec(
    peers: &Peers<'_>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> PeerSpec {
    let names = peer_fields(egress);
    let [endpoints, cidrs, sets, entities, nodes, ..] = names.map(|f| below(path, f));
    let [endpoints_field, cidr_field, _, entities_field, nodes_field, ..] = names.map(Field::new);
    let set_field = Field::new(if egress { "toCIDRSet[#]" } else { "fromCIDRSet[#]" });
    one_field(peers, path, faults);
    let mut clauses = Vec::new();
    if let Some(list) = peers.endpoints {
        let all = list.iter().enumerate();
        let selectors =
            all.map(|(i, item)| endpoint(item, &format!("{endpoints}[{i}]"), scope, faults)).collect();
        clauses.extend(by_labels(selectors).into_iter().map(|clause| clause.at(endpoints_field)));
    }
    if let Some(list) = peers.cidr {
        let mut nets = Vec::new();
        for (i, text) in list.iter().enumerate() {
            let at = format!("{cidrs}[{i}]");
            nets.extend(cidr::address_or_block(text, &at, scope.options, faults));
        }
        let all = by_address(&nets, scope.options).into_iter();
        clauses.extend(all.map(|clause| clause.at(cidr_field).written(list)));
    }
    for (i, item) in (0u32..).zip(peers.cidr_set.into_iter().flatten()) {
        let at = format!("{sets}[{i}]");
        let all = cidr_set::clauses(item, i, &at, scope, faults).into_iter();
        clauses.extend(all.map(|clause| clause.at(set_field.index(i))));
    }
    if let Some(list) = peers.entities {
        let mut selectors = Vec::new();
        for (i, name) in list.iter().enumerate() {
            match entity(name, scope.options) {
                Some(labels) => selectors.extend(labels),
                None => faults.add(format!("{entities}[{i}]"), PeerFault::UnknownEntity(name.clone())),
            }
        }
        let all = by_labels(selectors).into_iter();
        clauses.extend(all.map(|clause| clause.at(entities_field).written(list)));
    }
    if let Some(list) = peers.nodes {
        if !list.is_empty() && !scope.options.cilium.node_labels {
            faults.add(nodes.as_str(), PeerFault::NodeLabelsOff);
        }
        let all = list.iter().enumerate();
        let selectors = all.map(|(i, item)| node(item, &format!("{nodes}[{i}]"), scope, faults)).collect();
        clauses.extend(by_labels(selectors).into_iter().map(|clause| clause.at(nodes_field)));
    }
    // Groups of a cloud provider are not resolved: the entry selects no peer, as before the provider has answered.
    let mut resolved = peers.groups.is_some_and(|g| !g.is_empty());
    if let Some(list) = peers.services.filter(|l| !l.is_empty()) {
        let found = service::clauses(list, &below(path, "toServices"), scope, faults);
        resolved |= !found.is_empty() || scope.is_strict();
        clauses.extend(found.into_iter().map(|clause| clause.at(Field::new("toServices"))));
    }
    if let Some(list) = peers.fqdns.filter(|l| !l.is_empty()) {
        resolved = true;
        let clause = fqdn::peer_clause(list, &below(path, "toFQDNs"), scope.options, faults);
        clauses.push(clause.at(Field::new("toFQDNs")));
    }
    let listed = [
        peers.endpoints.map(<[_]>::len),
        peers.cidr.map(<[_]>::len),
        peers.cidr_set.map(<[_]>::len),
        peers.entities.map(<[_]>::len),
        peers.nodes.map(<[_]>::len),
    ];
    if listed.contains(&Some(0)) {
        return PeerSpec::AnyOf(Vec::new());
    }
    // The agent reads these lists as absent if they are empty (docs/semantics/cilium.md#cilium-empty-name-list). In the
    // profile strict, an empty list matches no peer.
    let names = [peers.groups.map(<[_]>::len), peers.services.map(<[_]>::len), peers.fqdns.map(<[_]>::len)];
    if scope.is_strict() && names.contains(&Some(0)) {
        return PeerSpec::AnyOf(Vec::new());
    }
    // Requirements alone allow no peer.
    resolved |= peers.requires.is_some();
    if resolved || listed.iter().any(Option::is_some) { PeerSpec::AnyOf(clauses) } else { PeerSpec::Any }
}

/// Returns the requirements that `fromRequires` or `toRequires` of the entry at `path` add to every peer (up to Cilium
/// 1.18).
pub(super) fn requirements(
    peers: &Peers<'_>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Vec<Requirement> {
    let Some(list) = peers.requires else { return Vec::new() };
    let [.., field] = peer_fields(egress);
    let at = below(path, field);
    if scope.options.cilium.version >= CiliumVersion::V1_19 {
        faults.add(at, PeerFault::RequirementsRemoved);
        return Vec::new();
    }
    let selectors = list.iter().enumerate();
    let selectors = selectors.map(|(i, item)| endpoint(item, &format!("{at}[{i}]"), scope, faults));
    selectors.flat_map(|selector| selector.requirements).collect()
}

/// An entry may fill one peer field only.
fn one_field(peers: &Peers<'_>, path: &str, faults: &mut Faults) {
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
        faults.add(path, PeerFault::SeveralFields);
    }
}

/// Returns the clauses of peers with the labels of one of `selectors`.
pub(super) fn by_labels(selectors: Vec<Selector>) -> Vec<Clause> {
    if selectors.iter().any(|s| s.requirements.is_empty()) {
        return vec![Clause::default()];
    }
    if selectors.is_empty() {
        return Vec::new();
    }
    vec![Clause { tests: vec![Test::labels(selectors)], index: 0 }]
}

/// Returns the clauses of peers with an address in one of `nets`.
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

/// Returns the selector of an item of `fromEndpoints` or `toEndpoints`.
pub(super) fn endpoint(item: &LabelSelector, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Selector {
    let mut labels = selector(item, Keys::Any, "", path, faults);
    if labels.requirements.iter().any(|r| r.source.as_deref() == Some(RESERVED)) {
        return labels;
    }
    let named = labels.names(K8S, NAMESPACE);
    let by_namespace_labels = labels.requirements.iter().any(|r| r.key.starts_with(NAMESPACE_LABELS));
    match scope.namespace {
        _ if named => require_namespace(&mut labels, scope),
        Some(_) if by_namespace_labels => require_namespace(&mut labels, scope),
        Some(namespace) => labels.require(K8S, NAMESPACE, equals(namespace)),
        None if scope.init => {}
        None => labels.require(K8S, NAMESPACE, Operator::Exists),
    }
    local_cluster(&mut labels, scope);
    labels
}

/// Returns the selector of an item of `fromNodes` or `toNodes`.
fn node(item: &LabelSelector, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Selector {
    let mut labels = selector(item, Keys::Forced(NODE), "", path, faults);
    labels.require(RESERVED, "remote-node", Operator::Exists);
    local_cluster(&mut labels, scope);
    labels
}

/// Limits `labels` to the namespaces that a selector of Kubernetes' own kinds selects.
pub(super) fn in_namespaces(
    labels: &mut Selector,
    namespaces: &LabelSelector,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) {
    let by_label = selector(namespaces, Keys::Plain(K8S), NAMESPACE_LABELS, path, faults);
    if by_label.requirements.is_empty() {
        labels.require(K8S, NAMESPACE, Operator::Exists);
    } else {
        labels.requirements.extend(by_label.requirements);
        require_namespace(labels, scope);
    }
}

/// In the profile strict, and with the option `namespaceMustExist`, a selector by namespace selects pods only
/// (docs/semantics/cilium.md#cilium-negative-namespace).
fn require_namespace(labels: &mut Selector, scope: &Scope<'_>) {
    if scope.is_strict() || scope.options.cilium.namespace_must_exist {
        labels.require(K8S, NAMESPACE, Operator::Exists);
    }
}
