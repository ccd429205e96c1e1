//! Warnings about valid policies with a surprising effect (docs/semantics/cilium.md#cilium-trap-warnings).

mod blocks;
mod cluster_network_policy;
mod deny_only;
mod fqdn_without_dns_rule;
mod l7;
mod labels;
mod names;
mod network_policy;
mod objects;
mod peers;
mod ports;
mod rule;

use super::super::{
    lower::{Endpoint, Lowered},
    model::{PolicyObject, Scope, rules},
};
use crate::{
    cluster::{Cluster, EndpointKind},
    diagnostic::{Findings, Report},
    options::Options,
};
use alloc::{format, vec::Vec};
use objects::{NamedEndpoint, Objects};

/// Adds the warnings about `object` alone to `report`.
pub(super) fn check(object: PolicyObject<'_>, scope: &Scope<'_>, report: &mut Report<'_>) {
    match object {
        PolicyObject::Cilium(policy) | PolicyObject::CiliumClusterwide(policy) => {
            rules(&policy.spec).for_each(|(path, of)| rule::check(of, &path, scope, report));
        }
        PolicyObject::Kubernetes(policy) => network_policy::check(&policy.spec, scope, report),
        PolicyObject::KubernetesCluster(policy) => {
            cluster_network_policy::check(&policy.spec, scope, report);
        }
    }
}

/// Adds the warnings about the policies of each endpoint of `cluster` to `findings`.
pub(super) fn check_endpoints(
    lowered: &Lowered,
    cluster: &Cluster,
    options: &Options,
    findings: &mut Findings,
) {
    let pods: Vec<_> = cluster
        .workloads()
        .filter(|w| !w.host_network)
        .map(|w| (format!("{}/{}", w.namespace, w.name), cluster.pod_identity(w, options), &w.ports))
        .collect();
    let endpoints: Vec<NamedEndpoint<'_>> = pods
        .iter()
        .map(|(name, labels, ports)| (name.clone(), Endpoint { kind: EndpointKind::Pod, labels, ports }))
        .collect();
    let objects = Objects::new(cluster);
    fqdn_without_dns_rule::check(lowered, &endpoints, options, &objects, findings);
    deny_only::check(lowered, &endpoints, &objects, findings);
}
