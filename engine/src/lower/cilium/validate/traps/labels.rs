//! Warnings about labels that are not part of a pod's security identity, or that Palisade does not model.

use super::super::super::model::Scope;
use crate::{
    cluster::{identity::K8S, is_identity_label},
    diagnostic::Report,
    ir::{Requirement, Selector},
};
use alloc::format;

/// The source of the label of an identity for the longest block that contains its address.
const CIDR: &str = "cidr";

/// Warns of requirements on labels of pods that the agent's default `labels` excludes, such as `pod-template-hash`, and
/// on labels of address blocks.
pub(super) fn excluded(labels: &Selector, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    for requirement in labels.requirements.iter().filter(|r| r.source.as_deref() == Some(CIDR)) {
        let message = format!("`{CIDR}:{}` is taken for a label that no end has", requirement.key);
        report.warn("cidr-label", path, message, "name the block in `fromCIDR` or `toCIDR`");
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
        report.warn("excluded-label", path, message, help);
    }
}
