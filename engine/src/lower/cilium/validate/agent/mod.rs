//! Findings about the faults for which the agent or the API server rejects a policy.

mod kubernetes;
mod l7;
mod peers;
mod ports;
mod text;

use super::super::model::{ClusterNetworkPolicyFault, Fault, Faults, RuleFault};
use crate::diagnostic::{Authority, Diagnostic};
use text::{Text, text};

/// Returns the findings about `faults` of an object whose kind `authority` validates.
pub(super) fn findings(faults: &Faults, authority: Authority) -> impl Iterator<Item = Diagnostic> {
    faults.iter().map(move |field| {
        let Text { code, message, help } = describe(&field.fault);
        let mut finding = Diagnostic::error(code, message).at(field.path.as_str()).help(help);
        finding.refused_by.extend(rejected_by(&field.fault, authority));
        finding
    })
}

/// Returns whose validation rejects an object for `fault`; `None` for what only Palisade rejects.
fn rejected_by(fault: &Fault, of_kind: Authority) -> Option<Authority> {
    match fault {
        Fault::ClusterNetworkPolicy(ClusterNetworkPolicyFault::RequiresRelease) => None,
        Fault::ClusterNetworkPolicy(ClusterNetworkPolicyFault::NodeLabelsOff) => Some(Authority::CiliumAgent),
        _ => Some(of_kind),
    }
}

fn describe(fault: &Fault) -> Text {
    match fault {
        Fault::Selector(fault) => peers::selector(fault),
        Fault::Block(fault) => peers::block(fault),
        Fault::Peer(fault) => peers::peer(fault),
        Fault::Port(fault) => ports::port(fault),
        Fault::L7(fault) => l7::l7(fault),
        Fault::Rule(fault) => rule(*fault),
        Fault::NetworkPolicy(fault) => kubernetes::network_policy(fault),
        Fault::ClusterNetworkPolicy(fault) => kubernetes::cluster_network_policy(fault),
    }
}

fn rule(fault: RuleFault) -> Text {
    match fault {
        RuleFault::MissingRule => text("no-rule", "neither `spec` nor `specs` is given", "write a `spec`"),
        RuleFault::MissingEntry => text(
            "no-section",
            "no section has an entry",
            "write at least one entry; `ingress: [{}]` closes a direction",
        ),
        RuleFault::NodeSelectorInNamespace => text(
            "node-selector",
            "a policy of a namespace cannot select nodes",
            "write a CiliumClusterwideNetworkPolicy",
        ),
        RuleFault::MissingSubject => {
            text("no-subject", "the rule selects nothing", "write `endpointSelector: {}` to select every pod")
        }
        RuleFault::SeveralSubjects => text(
            "two-subjects",
            "both `endpointSelector` and `nodeSelector` are given",
            "remove one of the two",
        ),
    }
}
