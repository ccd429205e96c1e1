//! `policy.networking.k8s.io/v1alpha2` ClusterNetworkPolicy, as written.

use crate::resource::meta::LabelSelector;
use alloc::{string::String, vec::Vec};
use serde::Deserialize;

/// `spec` of a ClusterNetworkPolicy.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterNetworkPolicySpec {
    /// `Admin` or `Baseline`.
    pub tier: String,
    /// The priority in the tier, from 0 (first) to 1000.
    pub priority: u32,
    /// The pods it applies to.
    pub subject: PodPeer,
    /// The ingress rules; the first match decides.
    pub ingress: Option<Vec<ClusterIngressRule>>,
    /// The egress rules; the first match decides.
    pub egress: Option<Vec<ClusterEgressRule>>,
}

/// Pods, by their namespaces or by both.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodPeer {
    /// Every pod of these namespaces.
    pub namespaces: Option<LabelSelector>,
    /// These pods of these namespaces.
    pub pods: Option<NamespacedPods>,
}

/// Pods by label, in namespaces by label.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct NamespacedPods {
    /// The namespaces; absent means all.
    pub namespace_selector: LabelSelector,
    /// The pods; required by the schema.
    pub pod_selector: Option<LabelSelector>,
}

/// A rule of `ingress`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterIngressRule {
    /// A description for readers.
    pub name: Option<String>,
    /// `Accept`, `Deny` or `Pass`.
    pub action: String,
    /// Peers, ORed.
    pub from: Vec<PodPeer>,
    /// Ports, ORed; absent means all.
    pub protocols: Option<Vec<ProtocolMatch>>,
}

/// A rule of `egress`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterEgressRule {
    /// A description for readers.
    pub name: Option<String>,
    /// `Accept`, `Deny` or `Pass`.
    pub action: String,
    /// Peers, ORed.
    pub to: Vec<EgressPeer>,
    /// Ports, ORed; absent means all.
    pub protocols: Option<Vec<ProtocolMatch>>,
}

/// A peer of an egress rule.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EgressPeer {
    /// Every pod of these namespaces.
    pub namespaces: Option<LabelSelector>,
    /// These pods of these namespaces.
    pub pods: Option<NamespacedPods>,
    /// Nodes.
    pub nodes: Option<LabelSelector>,
    /// Blocks of addresses.
    pub networks: Option<Vec<String>>,
    /// Domain names; a leading `*.` matches all subdomains.
    pub domain_names: Option<Vec<String>>,
}

/// Ports of one protocol, or ports by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ProtocolMatch {
    /// TCP.
    pub tcp: Option<PortMatch>,
    /// UDP.
    pub udp: Option<PortMatch>,
    /// SCTP.
    pub sctp: Option<PortMatch>,
    /// Ports of this name.
    pub destination_named_port: Option<String>,
}

/// Destination ports of one protocol.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortMatch {
    /// The ports; required by the schema.
    pub destination_port: Option<DestinationPort>,
}

/// One port or a range.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DestinationPort {
    /// One port.
    pub number: Option<u16>,
    /// A range.
    pub range: Option<PortRange>,
}

/// A range of ports, inclusive.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortRange {
    /// First.
    pub start: u16,
    /// Last.
    pub end: u16,
}
