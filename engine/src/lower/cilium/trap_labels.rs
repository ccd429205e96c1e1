//! Warnings about labels that the agent leaves out of a pod's identity.

use super::{Findings, peer::Scope};
use crate::{
    cluster::{identity::K8S, is_identity_label},
    ir::{Requirement, Selector},
};
use alloc::format;

/// Warns of requirements on labels of pods that the agent's default `labels` excludes, such as `pod-template-hash`.
pub(super) fn excluded(labels: &Selector, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    if !scope.options.label_filter {
        return;
    }
    let of_pods = |r: &&Requirement| match r.source.as_deref() {
        None => !scope.options.node_labels,
        Some(source) => source == K8S,
    };
    for requirement in labels.requirements.iter().filter(of_pods).filter(|r| !is_identity_label(&r.key)) {
        let message = format!(
            "`{}` is no label of any pod's identity, by the agent's default `labels`",
            requirement.key
        );
        let help =
            "select by another label, or set the option `labelFilter` to false where the agent includes it";
        findings.warn("excluded-label", path, message, help);
    }
}
