//! What Cilium's agent would refuse in a network policy, and the traps
//! (docs/semantics/cilium.md#cilium-trap-warnings).
//!
//! Lowering reads every field once and reports what is wrong with it; here are the findings that need more than one
//! rule to see.

use crate::{
    cluster::{Cluster, EndKind},
    diagnostic::Diagnostic,
    lower::cilium::{Endpoint, Findings, Lowered, lost_why, remedy},
    options::Options,
    resource::{Object, cilium::CiliumPolicy},
    rule_id::PolicyRef,
};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

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
    let objects = Objects::new(cluster);
    lost_names(&lowered, &endpoints, &objects, options, &mut findings);
    closed(&lowered, &endpoints, &objects, &mut findings);
    findings.list
}

/// The Cilium policies by their names; of several with one name the first.
struct Objects<'c>(BTreeMap<PolicyRef, &'c Object<CiliumPolicy>>);

impl<'c> Objects<'c> {
    fn new(cluster: &'c Cluster) -> Self {
        let resources = cluster.resources();
        let mut objects = BTreeMap::new();
        for object in
            resources.cilium_network_policies.iter().chain(&resources.cilium_clusterwide_network_policies)
        {
            objects.entry(object.reference()).or_insert(object);
        }
        Self(objects)
    }

    /// The findings from now on are about the object that `policy` names.
    fn about(&self, policy: &PolicyRef, findings: &mut Findings) {
        if let Some(object) = self.0.get(policy) {
            findings.about(object.title(), &object.origin);
        }
    }
}

/// Directions that deny entries alone close (docs/semantics/cilium.md#cilium-deny-only).
fn closed(
    lowered: &Lowered,
    endpoints: &[(String, Endpoint<'_>)],
    objects: &Objects<'_>,
    findings: &mut Findings,
) {
    for closed in lowered.closed_by_deny(endpoints) {
        objects.about(&closed.policy, findings);
        let of = closed.endpoint.map_or_else(String::new, |e| format!(" of {e}"));
        let direction = closed.direction;
        let message = format!("deny entries alone arm default deny: all other {direction}{of} is closed too");
        let help = format!("set `enableDefaultDeny: {{{direction}: false}}`, or allow the rest");
        findings.warn("deny-only", &closed.path, message, &help);
    }
}

/// toFQDNs rules for whose names no DNS rule lets the pod ask
/// (docs/semantics/cilium.md#cilium-lookup-and-connection).
fn lost_names(
    lowered: &Lowered,
    endpoints: &[(String, Endpoint<'_>)],
    objects: &Objects<'_>,
    options: &Options,
    findings: &mut Findings,
) {
    for lost in lowered.unlearnable(endpoints, options) {
        objects.about(&lost.rule.id.policy, findings);
        let of = lost.endpoint.map_or_else(String::new, |e| format!(" for {e}"));
        let (names, why) = (lost.rule.names.join("`, `"), lost_why(lost.any_dns_rule));
        let message = format!("`{names}` never has an address{of}: {why}");
        let path = format!("{}.toFQDNs", lost.path);
        findings.warn("fqdn-without-dns-rule", &path, message, &remedy(&lost.rule));
    }
}
