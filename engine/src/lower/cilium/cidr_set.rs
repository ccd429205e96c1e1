//! Items of `fromCIDRSet` and `toCIDRSet`: a block or groups of blocks, with holes.

use super::{
    Findings, cidr,
    peer::Scope,
    selector::{Keys, selector},
    trap_cidr,
};
use crate::{
    cluster::Cluster,
    diagnostic::Authority,
    ir::Clause,
    labels::{Label, Labels},
    resource::cilium::CidrRule,
};
use alloc::{format, vec::Vec};
use ipnet::IpNet;

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
    let nets = match (outer, name, &item.cidr_group_selector) {
        (Some(net), ..) => Vec::from([net]),
        (None, Some(name), _) => {
            let groups = &scope.cluster.resources().cidr_groups;
            if !groups.iter().any(|g| g.metadata.name == name) {
                let message = format!("no CiliumCIDRGroup `{name}` is known, so the item selects nobody");
                let help = "add the group to the manifests, or correct the name";
                findings.warn("unknown-group", &format!("{path}.cidrGroupRef"), message, help);
            }
            group(scope, |n, _| n == name)
        }
        (None, None, Some(by_label)) => {
            let by_label = selector(by_label, Keys::Any, "", &format!("{path}.cidrGroupSelector"), findings);
            group(scope, |_, labels| by_label.matches(labels))
        }
        (None, None, None) => Vec::new(),
    };
    nets.into_iter().map(|net| cidr::clause(net, &holes, index, scope.options)).collect()
}

/// The blocks of all groups that `wanted` picks by name and labels; unreadable ones are left out.
fn group(scope: &Scope<'_>, wanted: impl Fn(&str, &Labels) -> bool) -> Vec<IpNet> {
    let mut nets = Vec::new();
    for object in &scope.cluster.resources().cidr_groups {
        let labels = object.metadata.labels.iter();
        let labels: Labels = labels.map(|(k, v)| Label::new("cidrgroup", k.as_str(), v.as_str())).collect();
        if wanted(&object.metadata.name, &labels) {
            nets.extend(object.spec.external_cidrs.iter().flatten().filter_map(|text| cidr::parse(text)));
        }
    }
    nets
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
