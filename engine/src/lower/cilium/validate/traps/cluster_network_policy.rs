//! Warnings about ClusterNetworkPolicy.

use super::{
    super::super::model::{Faults, Scope, action_effect, below, egress_peer, has_source, ingress_peer},
    network_policy::pod_labels,
    peers,
};
use crate::{
    diagnostic::Report,
    ir::{Clause, Effect},
    resource::kubernetes::{ClusterNetworkPolicySpec, PodPeer},
};
use alloc::{format, vec::Vec};

/// Adds the warnings about `spec`.
pub(super) fn check(spec: &ClusterNetworkPolicySpec, scope: &Scope<'_>, report: &mut Report<'_>) {
    pods(&spec.subject, "spec.subject", scope, report);
    let is_baseline = spec.tier != "Admin";
    for (i, rule) in spec.ingress.iter().flatten().enumerate() {
        let path = format!("spec.ingress[{i}]");
        for (n, peer) in rule.from.iter().enumerate() {
            pods(peer, &format!("{path}.from[{n}]"), scope, report);
        }
        let peers = rule.from.iter().map(|peer| ingress_peer(peer, "", scope, &mut Faults::default()));
        rule_effect(&rule.action, &peers.collect::<Vec<_>>(), is_baseline, &path, scope, report);
    }
    for (i, rule) in spec.egress.iter().flatten().enumerate() {
        let path = format!("spec.egress[{i}]");
        for (n, peer) in rule.to.iter().enumerate() {
            let by_pods = PodPeer { namespaces: peer.namespaces.clone(), pods: peer.pods.clone() };
            pods(&by_pods, &format!("{path}.to[{n}]"), scope, report);
        }
        let peers = rule.to.iter().map(|peer| egress_peer(peer, "", scope, &mut Faults::default()));
        rule_effect(&rule.action, &peers.collect::<Vec<_>>(), is_baseline, &path, scope, report);
    }
}

/// Warns of the effect of a rule with `peers`, of which an unknown one is `None`.
fn rule_effect(
    action: &str,
    peers: &[Option<Vec<Clause>>],
    is_baseline: bool,
    path: &str,
    scope: &Scope<'_>,
    report: &mut Report<'_>,
) {
    let Some(effect) = action_effect(action) else { return };
    let is_accepting = effect == Effect::Allow && peers.iter().flatten().any(|clauses| !clauses.is_empty());
    // See docs/semantics/kubernetes.md#kubernetes-baseline-accept.
    if is_baseline && is_accepting && !scope.is_strict() {
        let help = "open the peers in a NetworkPolicy, which stays within what it isolates";
        let message = "an Accept of the Baseline tier opens pods again that a NetworkPolicy isolates";
        report.warn("baseline-accept", &below(path, "action"), message, help);
    }
    // See docs/semantics/kubernetes.md#kubernetes-unknown-peer.
    if peers.iter().any(Option::is_none) {
        let message =
            "an empty peer selects no endpoint: Accept then allows nothing, Deny and Pass deny everything";
        let help = "name namespaces, pods, nodes, networks or domainNames";
        report.warn("no-peer", path, message, help);
    }
}

fn pods(peer: &PodPeer, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    match (&peer.namespaces, &peer.pods) {
        (Some(namespaces), None) => {
            peers::namespaces(namespaces, false, &below(path, "namespaces"), scope, report);
        }
        (None, Some(pods)) => {
            if let Some(own) = &pods.pod_selector {
                let at = below(path, "pods.podSelector");
                if has_source(own) {
                    let help = "write the keys of pods' labels; nodes are named by `nodes`, and may always reach their pods";
                    let message = "a key with a source, such as `reserved:host`, is not the label of a pod";
                    report.warn("source-in-key", &at, message, help);
                    return;
                }
                pod_labels(own, &at, scope, report);
            }
            let at = below(path, "pods.namespaceSelector");
            peers::namespaces(&pods.namespace_selector, true, &at, scope, report);
        }
        _ => {}
    }
}
