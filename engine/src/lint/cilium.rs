//! What Cilium's agent would refuse in a network policy, and the traps of `spec/cilium.md` 10.
//!
//! Lowering reads every field once and reports what is wrong with it; here are the findings that need more than one
//! rule to see.

use crate::{
    cluster::{Cluster, EndKind},
    diagnostic::Diagnostic,
    lower::cilium::{Endpoint, Findings, Lowered, lost_why, remedy},
    options::Options,
    rule_id::PolicyRef,
};
use alloc::{format, string::String, vec::Vec};

/// Every finding about the network policies of `cluster`.
pub(super) fn check(cluster: &Cluster, options: &Options) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    let lowered = Lowered::new(cluster, options, &mut findings);
    let pods: Vec<_> = cluster
        .workloads()
        .filter(|w| !w.host_network)
        .map(|w| (format!("{}/{}", w.namespace, w.name), cluster.pod_identity(w, options), &w.ports))
        .collect();
    let endpoints: Vec<_> = pods
        .iter()
        .map(|(name, labels, ports)| (name.clone(), Endpoint { kind: EndKind::Pod, labels, ports }))
        .collect();
    lost_names(&lowered, &endpoints, cluster, options, &mut findings);
    closed(&lowered, &endpoints, cluster, &mut findings);
    findings.list
}

/// What is found from now on is about the object that `policy` names.
fn about(policy: &PolicyRef, cluster: &Cluster, findings: &mut Findings) {
    let resources = cluster.resources();
    let objects =
        resources.cilium_network_policies.iter().chain(&resources.cilium_clusterwide_network_policies);
    if let Some(object) = objects.into_iter().find(|o| o.reference() == *policy) {
        findings.about(object.title(), &object.origin);
    }
}

/// Directions that deny entries alone close (T8).
fn closed(
    lowered: &Lowered,
    endpoints: &[(String, Endpoint<'_>)],
    cluster: &Cluster,
    findings: &mut Findings,
) {
    for closed in lowered.closed_by_deny(endpoints) {
        about(&closed.policy, cluster, findings);
        let of = closed.endpoint.map_or_else(String::new, |e| format!(" of {e}"));
        let direction = closed.direction;
        let message = format!("deny entries alone arm default deny: all other {direction}{of} is closed too");
        let help = format!("set `enableDefaultDeny: {{{direction}: false}}`, or allow the rest");
        findings.warn("deny-only", &closed.path, message, &help);
    }
}

/// toFQDNs rules for whose names no DNS rule lets the pod ask (T30).
fn lost_names(
    lowered: &Lowered,
    endpoints: &[(String, Endpoint<'_>)],
    cluster: &Cluster,
    options: &Options,
    findings: &mut Findings,
) {
    for lost in lowered.unlearnable(endpoints, options) {
        about(&lost.rule.id.policy, cluster, findings);
        let of = lost.endpoint.map_or_else(String::new, |e| format!(" for {e}"));
        let (names, why) = (lost.rule.names.join("`, `"), lost_why(lost.any_dns_rule));
        let message = format!("`{names}` never has an address{of}: {why}");
        let path = format!("{}.toFQDNs", lost.path);
        findings.warn("fqdn-without-dns-rule", &path, message, &remedy(&lost.rule));
    }
}
