//! Findings about network policies, by authority: pure functions of an object, its reading and the options.
//!
//! - [`agent`]: faults for which the agent, or the API server for Kubernetes' own kinds, rejects an object.
//! - [`crd`]: what the schema of Cilium's kinds rejects.
//! - [`azure`]: what Azure rejects in the profile `azure-acns`.
//! - [`traps`]: valid policies with a surprising effect.

mod agent;
mod azure;
mod crd;
mod traps;

use super::{
    lower::Lowered,
    model::{self, CheckedPolicy, ClusterIndex, Policy, PolicyObject},
};
use crate::{
    cluster::Cluster,
    diagnostic::{Authority, Diagnostic, Findings, Severity},
    options::{Options, Profile},
};
use alloc::vec::Vec;

/// Adds the findings about the network policies and the CiliumCIDRGroups of `cluster` to `findings`.
pub(crate) fn check(cluster: &Cluster, options: &Options, findings: &mut Findings) {
    for group in &cluster.resources().cidr_groups {
        let faults = model::group_faults(&group.spec);
        agent::findings(&faults, Authority::Crd).for_each(|finding| findings.add(group, finding));
    }
    let index = ClusterIndex::new(cluster);
    let mut accepted = Vec::new();
    for object in PolicyObject::all(cluster) {
        let scope = object.scope(&index, options);
        let checked = object.read(&scope);
        let mut rejections: Vec<Diagnostic> = agent::findings(&checked.faults, authority(object)).collect();
        crd::add(object, options, &mut rejections);
        let azure = azure_findings(object, options);
        let mut report = findings.report(object.resource());
        rejections.into_iter().for_each(|finding| report.add(finding));
        traps::check(object, &scope, &mut report);
        let is_rejected = has_error(&azure);
        azure.into_iter().for_each(|finding| report.add(finding));
        if checked.faults.is_empty() && !is_rejected {
            accepted.extend(checked.policies);
        }
    }
    traps::check_endpoints(&Lowered::new(accepted, cluster, options), cluster, options, findings);
}

/// Returns the policies of `object`, whose reading is `checked`; none if it is rejected.
pub(super) fn accepted(object: PolicyObject<'_>, checked: CheckedPolicy, options: &Options) -> Vec<Policy> {
    let is_accepted = checked.faults.is_empty() && !has_error(&azure_findings(object, options));
    if is_accepted { checked.policies } else { Vec::new() }
}

fn has_error(findings: &[Diagnostic]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

fn azure_findings(object: PolicyObject<'_>, options: &Options) -> Vec<Diagnostic> {
    match object {
        PolicyObject::Cilium(policy) | PolicyObject::CiliumClusterwide(policy)
            if options.profile == Profile::AzureAcns =>
        {
            azure::findings(&policy.spec, options)
        }
        _ => Vec::new(),
    }
}

/// Returns whose validation finds the faults of `object`.
fn authority(object: PolicyObject<'_>) -> Authority {
    match object {
        PolicyObject::Cilium(_) | PolicyObject::CiliumClusterwide(_) => Authority::CiliumAgent,
        PolicyObject::Kubernetes(_) => Authority::ApiServer,
        PolicyObject::KubernetesCluster(_) => Authority::Crd,
    }
}
