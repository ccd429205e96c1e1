//! The Kubernetes kinds that describe the cluster. Only the fields that a decision needs are read.

mod cluster_network_policy;
mod endpoint_slice;
mod network_policy;
mod pod;
mod secret;
mod service;

pub use cluster_network_policy::{
    ClusterEgressRule, ClusterIngressRule, ClusterNetworkPolicySpec, DestinationPort, EgressPeer,
    NamespacedPods, PodPeer, PortMatch, PortRange, ProtocolMatch,
};
pub use endpoint_slice::{Backend, EndpointSlice};
pub(crate) use endpoint_slice::{Endpoint, EndpointPort, Subset};
pub use network_policy::{
    IpBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, NetworkPolicySpec,
};
pub use pod::{Container, ContainerPort, Pod, PodIp, PodSpec, PodStatus, PodTemplate};
pub use secret::Secret;
pub use service::{Service, ServicePort};

use alloc::{string::String, vec::Vec};
use serde::Deserialize;

/// A Namespace: its labels and annotations are in the metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace;

/// A ServiceAccount, of which only the name is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceAccount;

/// A Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its addresses, of any type.
    pub addresses: Vec<String>,
    /// Pod address ranges.
    pub pod_cidrs: Vec<String>,
}

/// The fields of a Node's `status` on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct NodeStatus {
    #[serde(default)]
    pub(crate) addresses: Vec<NodeAddress>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct NodeAddress {
    #[serde(default)]
    pub(crate) address: String,
}

/// The fields of a Node's `spec` on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeSpec {
    #[serde(default, rename = "podCIDRs")]
    pub(crate) pod_cidrs: Vec<String>,
}
