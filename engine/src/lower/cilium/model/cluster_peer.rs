//! The peers of a ClusterNetworkPolicy (docs/semantics/kubernetes.md#kubernetes-tiers).

use super::{
    cidr,
    fault::{ClusterNetworkPolicyFault, Faults},
    name,
    peer::{by_address, by_labels, in_namespaces},
    scope::{Scope, below, local_cluster},
    selector::{Keys, selector},
};
use crate::{
    cluster::identity::{K8S, NODE, RESERVED},
    ir::{Clause, NameAttribute, NamePattern, Operator, Selector, Test},
    resource::{
        LabelSelector,
        kubernetes::{EgressPeer, PodPeer},
    },
};
use alloc::{format, vec, vec::Vec};

/// Returns the selector of the pods of a peer. If it selects them by their own labels, they are in the local cluster.
fn peer_pods(peer: &PodPeer, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<Selector> {
    let mut labels = pods(peer, path, scope, faults)?;
    if peer.pods.is_some() {
        local_cluster(&mut labels, scope);
    }
    Some(labels)
}

/// Returns the selector of the pods of `peer`; `None` if it selects no pods.
pub(super) fn pods(peer: &PodPeer, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Option<Selector> {
    let mut labels = Selector::default();
    let namespaces = match (&peer.namespaces, &peer.pods) {
        (Some(namespaces), None) => namespaces,
        (None, Some(pods)) => {
            let at = format!("{path}.pods.podSelector");
            match &pods.pod_selector {
                Some(own) if has_source(own) => return None,
                Some(own) => labels = selector(own, Keys::Plain(K8S), "", &at, faults),
                None => faults.add(at, ClusterNetworkPolicyFault::MissingPodSelector),
            }
            &pods.namespace_selector
        }
        _ => return None,
    };
    let field = if peer.pods.is_some() { "pods.namespaceSelector" } else { "namespaces" };
    in_namespaces(&mut labels, namespaces, &below(path, field), scope, faults);
    Some(labels)
}

/// Whether a key of `selector` has a source. The schema accepts it. Its meaning is not specified, so the peer is unknown
/// (docs/semantics/kubernetes.md#kubernetes-unknown-peer).
pub(crate) fn has_source(selector: &LabelSelector) -> bool {
    let by_value = selector.match_labels.iter().flatten().map(|(key, _)| key);
    let by_expression = selector.match_expressions.iter().flatten().map(|expression| &expression.key);
    by_value.chain(by_expression).any(|key| key.contains(':'))
}

/// Returns the clauses of a peer of an ingress rule; `None` if the peer is unknown.
pub(crate) fn ingress_peer(
    peer: &PodPeer,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<Vec<Clause>> {
    peer_pods(peer, path, scope, faults).map(|labels| by_labels(vec![labels]))
}

/// Returns the clauses of a peer of an egress rule; `None` if the peer is unknown.
pub(crate) fn egress_peer(
    peer: &EgressPeer,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<Vec<Clause>> {
    let by_pods = PodPeer { namespaces: peer.namespaces.clone(), pods: peer.pods.clone() };
    if let Some(labels) = peer_pods(&by_pods, path, scope, faults) {
        return Some(by_labels(vec![labels]));
    }
    if let Some(nodes) = &peer.nodes {
        if !scope.options.cilium.node_labels {
            faults.add(format!("{path}.nodes"), ClusterNetworkPolicyFault::NodeLabelsOff);
        }
        let nodes = selector(nodes, Keys::Forced(NODE), "", &format!("{path}.nodes"), faults);
        let with = |kind| {
            let mut labels = nodes.clone();
            labels.require(RESERVED, kind, Operator::Exists);
            labels
        };
        return Some(by_labels(vec![with("host"), with("remote-node")]));
    }
    if let Some(networks) = &peer.networks {
        let mut nets = Vec::new();
        for (i, text) in networks.iter().enumerate() {
            nets.extend(cidr::block(text, &format!("{path}.networks[{i}]"), faults));
        }
        return Some(by_address(&nets, scope.options));
    }
    let names: Vec<NamePattern> = domain_names(core::slice::from_ref(peer), scope).collect();
    let test = Test::name(NameAttribute::Peer, names.iter().cloned());
    (!names.is_empty()).then(|| vec![Clause { tests: vec![test], index: 0 }])
}

/// Whether `text` is a domain name: at least two labels of letters, digits, `-` and `_`, with or without a leading
/// `*.`. The schema's `[A-z]` allows a label to begin with `_`; the agent rejects the other characters between `Z` and
/// `a`.
pub(super) fn is_domain_name(text: &str) -> bool {
    let first = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let last = |label: &str| {
        label.len() == 1 || label.bytes().next_back().is_some_and(|b| b.is_ascii_alphanumeric())
    };
    let name = text.strip_prefix("*.").unwrap_or(text);
    let name = name.strip_suffix('.').unwrap_or(name);
    name.contains('.')
        && name.split('.').all(|label| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
                && first(label.bytes().next())
                && last(label)
        })
}

/// Returns the names of `domainNames` of `peers`. `*.x` matches every depth.
pub(super) fn domain_names(peers: &[EgressPeer], scope: &Scope<'_>) -> impl Iterator<Item = NamePattern> {
    let names = peers.iter().flat_map(|p| p.domain_names.iter().flatten());
    names.map(move |text| match text.strip_prefix("*.") {
        Some(parent) => name::wildcard(&format!("**.{parent}"), false, scope.options),
        None => NamePattern::Name(name::canonical(text)),
    })
}
