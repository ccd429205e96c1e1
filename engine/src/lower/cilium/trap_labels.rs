//! Warnings about labels that the agent leaves out of a pod's identity, or that are not modelled.

use super::{Findings, peer::Scope};
use crate::{
    cluster::{identity::K8S, is_identity_label},
    ir::{Requirement, Selector},
};
use alloc::format;

/// Source of the label that an identity has for the longest named block around its address.
const CIDR: &str = "cidr";

/// Warns of requirements on labels of pods that the agent's default `labels` excludes, such as `pod-template-hash`, and on
/// labels of address blocks.
pub(super) fn excluded(labels: &Selector, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    for requirement in labels.requirements.iter().filter(|r| r.source.as_deref() == Some(CIDR)) {
        let message = format!("`{CIDR}:{}` is taken for a label that no end has", requirement.key);
        findings.warn("cidr-label", path, message, "name the block in `fromCIDR` or `toCIDR`");
    }
    if !scope.options.cilium.label_filter {
        return;
    }
    let of_pods = |r: &&Requirement| match r.source.as_deref() {
        None => !scope.options.cilium.node_labels,
        Some(source) => source == K8S,
    };
    for requirement in labels.requirements.iter().filter(of_pods).filter(|r| !is_identity_label(&r.key)) {
        let message = format!(
            "`{}` is not part of any pod's identity, by the agent's default `labels`",
            requirement.key
        );
        let help =
            "select by another label, or set the option `labelFilter` to false where the agent includes it";
        findings.warn("excluded-label", path, message, help);
    }
}
