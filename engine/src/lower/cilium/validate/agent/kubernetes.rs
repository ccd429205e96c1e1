//! Messages about NetworkPolicy and ClusterNetworkPolicy.

use super::{
    super::super::model::{ClusterNetworkPolicyFault, NetworkPolicyFault},
    text::{Text, text},
};
use alloc::format;

pub(super) fn network_policy(fault: &NetworkPolicyFault) -> Text {
    let port = "write a number from 1 to 65535 without quotes, or the name of a container port: at most 15 lower-case \
                letters, digits and single dashes, with a letter";
    match fault {
        NetworkPolicyFault::InvalidPolicyType(name) => {
            text("bad-policy-type", format!("invalid policy type `{name}`"), "use Ingress or Egress")
        }
        NetworkPolicyFault::TooManyPolicyTypes => {
            text("bad-policy-type", "more than two policy types", "name each direction once")
        }
        NetworkPolicyFault::WrongDirection(field, section) => {
            text("wrong-shape", format!("`{field}` does not belong in `{section}`"), "move it")
        }
        NetworkPolicyFault::BlockAndSelector => {
            text("two-peers", "`ipBlock` and a selector are both set", "write a peer of its own for each")
        }
        NetworkPolicyFault::ExceptionIsBlock(block) => text(
            "bad-cidr",
            format!("the exception is all of `{block}`"),
            "an exception must be smaller than its block",
        ),
        NetworkPolicyFault::EmptyPeer => {
            text("no-peer", "the peer is empty", "name a podSelector, a namespaceSelector or an ipBlock")
        }
        NetworkPolicyFault::InvalidProtocol(protocol) => {
            text("bad-protocol", format!("invalid protocol `{protocol}`"), "use TCP, UDP or SCTP")
        }
        NetworkPolicyFault::EndPortWithoutPort => {
            text("bad-port", "`endPort` is set without a port", "write the first port as a number")
        }
        NetworkPolicyFault::EndPortOfNamedPort => {
            text("bad-port", "`endPort` is set with a named port", "write the first port as a number")
        }
        NetworkPolicyFault::EndPortBeforePort => {
            text("bad-port", "the last port comes before the first", "write the larger number last")
        }
        NetworkPolicyFault::InvalidPortNumber(number) => {
            text("bad-port", format!("invalid port {number}"), port)
        }
        NetworkPolicyFault::InvalidPortName(name) => {
            text("bad-port", format!("invalid port name `{name}`"), port)
        }
        NetworkPolicyFault::InvalidPort => text("bad-port", "invalid port", port),
    }
}

pub(super) fn cluster_network_policy(fault: &ClusterNetworkPolicyFault) -> Text {
    match fault {
        ClusterNetworkPolicyFault::RequiresRelease => text(
            "not-supported",
            "Cilium reads this kind since 1.20",
            "set the option `ciliumVersion` to 1.20, or leave the object out",
        ),
        ClusterNetworkPolicyFault::InvalidTier(tier) => {
            text("bad-tier", format!("invalid tier `{tier}`"), "use `Admin` or `Baseline`")
        }
        ClusterNetworkPolicyFault::InvalidPriority(priority) => text(
            "bad-priority",
            format!("priority {priority} is more than 1000"),
            "use 0 to 1000; lower comes first",
        ),
        ClusterNetworkPolicyFault::MissingSubject => {
            text("no-subject", "the policy selects nothing", "write `namespaces: {}` to select every pod")
        }
        ClusterNetworkPolicyFault::InvalidDomainName(name) => text(
            "bad-name",
            format!("invalid domain name `{name}`"),
            "write a DNS name, with `*.` in front for all names below it",
        ),
        ClusterNetworkPolicyFault::DomainNamesNotAccepted => {
            text("bad-action", "`domainNames` go with `Accept` only", "name addresses in `networks`")
        }
        ClusterNetworkPolicyFault::MissingPeers => text(
            "no-peer",
            "the list of peers is missing or empty",
            "list the peers; `namespaces: {}` is every pod",
        ),
        ClusterNetworkPolicyFault::InvalidAction(action) => {
            text("bad-action", format!("invalid action `{action}`"), "use Accept, Deny or Pass")
        }
        ClusterNetworkPolicyFault::MissingPodSelector => text(
            "no-pod-selector",
            "the field is missing",
            "write `podSelector: {}` for every pod of the namespaces",
        ),
        ClusterNetworkPolicyFault::NodeLabelsOff => text(
            "option-needed",
            "selecting nodes is off",
            "set the option `nodeLabels` (agent: enable-node-selector-labels)",
        ),
        ClusterNetworkPolicyFault::NotOneProtocol => text(
            "bad-protocol",
            "the item names no protocol, or several",
            "give exactly one of `tcp`, `udp`, `sctp` and `destinationNamedPort`",
        ),
        ClusterNetworkPolicyFault::InvalidPort => text(
            "bad-port",
            "invalid port",
            "write `destinationPort: {number: 80}` or `{range: {start: 80, end: 90}}`",
        ),
    }
}
