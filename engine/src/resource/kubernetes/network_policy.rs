//! `networking.k8s.io/v1` NetworkPolicy, as written. Absent, null and empty lists are different values if Kubernetes
//! distinguishes them.

use crate::resource::meta::LabelSelector;
use alloc::{string::String, vec::Vec};
use serde::Deserialize;
use serde_json::Value;

/// `spec` of a NetworkPolicy.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicySpec {
    /// The pods it applies to, in its own namespace.
    pub pod_selector: Option<LabelSelector>,
    /// The ingress rules.
    pub ingress: Option<Vec<Option<NetworkPolicyRule>>>,
    /// The egress rules.
    pub egress: Option<Vec<Option<NetworkPolicyRule>>>,
    /// `Ingress`, `Egress`.
    pub policy_types: Option<Vec<String>>,
}

/// One rule of either direction.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicyRule {
    /// Peers of an ingress rule.
    pub from: Option<Vec<Option<NetworkPolicyPeer>>>,
    /// Peers of an egress rule.
    pub to: Option<Vec<Option<NetworkPolicyPeer>>>,
    /// Ports.
    pub ports: Option<Vec<Option<NetworkPolicyPort>>>,
}

/// One peer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicyPeer {
    /// Pods by label.
    pub pod_selector: Option<LabelSelector>,
    /// Namespaces by label.
    pub namespace_selector: Option<LabelSelector>,
    /// An address block.
    pub ip_block: Option<IpBlock>,
}

/// An address block with exceptions.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IpBlock {
    /// The block.
    pub cidr: String,
    /// The excluded blocks.
    pub except: Option<Vec<String>>,
}

/// One port.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkPolicyPort {
    /// Protocol; TCP when absent.
    pub protocol: Option<String>,
    /// Number or name.
    pub port: Option<Value>,
    /// Last port of a range.
    pub end_port: Option<u16>,
}
