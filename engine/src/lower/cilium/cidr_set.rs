//! Items of `fromCIDRSet` and `toCIDRSet`: a block or groups of blocks, with holes.

use super::{
    Findings, cidr, group,
    peer::Scope,
    selector::{Keys, selector},
    trap_cidr,
};
use crate::{cluster::Cluster, diagnostic::Authority, ir::Clause, resource::cilium::CidrRule};
use alloc::{format, vec::Vec};

/// Lowers `item`, number `index` of its list, at `path`.
pub(super) fn clauses(
    item: &CidrRule,
    index: u32,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Vec<Clause> {
    let text = item.cidr.as_deref().filter(|t| !t.is_empty());
    let name = item.cidr_group_ref.as_deref().filter(|t| !t.is_empty());
    let sources = [text.is_some(), name.is_some(), item.cidr_group_selector.is_some()];
    if sources.iter().filter(|s| **s).count() != 1 {
        let help = "give exactly one of `cidr`, `cidrGroupRef` and `cidrGroupSelector`";
        findings.error("bad-cidr", path, "the item has no source of addresses, or several", help);
        return Vec::new();
    }
    let outer = text.and_then(|t| cidr::block(t, &format!("{path}.cidr"), findings));
    if text.is_some() && outer.is_none() {
        return Vec::new();
    }
    if let Some(net) = outer {
        trap_cidr::in_cluster(net, path, scope, findings);
    }
    let holes = cidr::holes(item.except.as_deref().unwrap_or_default(), outer, path, findings);
    if let Some(net) = outer {
        return cidr::clauses(net, &holes, index, scope.options);
    }
    if let Some(name) = name {
        if scope.index.groups_named(name).is_empty() {
            let message = format!("no CiliumCIDRGroup `{name}` is known, so the item selects nobody");
            let help = "add the group to the manifests, or correct the name";
            findings.warn("unknown-group", &format!("{path}.cidrGroupRef"), message, help);
        }
        return group::by_name(name, &holes, index, scope);
    }
    let Some(labels) = &item.cidr_group_selector else { return Vec::new() };
    let labels = selector(labels, Keys::Any, "", &format!("{path}.cidrGroupSelector"), findings);
    group::by_labels(&labels, &holes, index, scope)
}

/// Reports the blocks of CiliumCIDRGroups that cannot be read.
pub(super) fn check_groups(cluster: &Cluster, findings: &mut Findings) {
    for object in &cluster.resources().cidr_groups {
        findings.about(object.title(), &object.origin);
        findings.by(Some(Authority::Crd));
        for (i, text) in object.spec.external_cidrs.iter().flatten().enumerate() {
            cidr::block(text, &format!("spec.externalCIDRs[{i}]"), findings);
        }
    }
}
