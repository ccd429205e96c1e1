//! The network policies of a cluster, each read once.

use super::{
    cluster_index::ClusterIndex, cluster_network_policy, entry::Policy, fault::Faults, network_policy, rule,
    scope::Scope,
};
use crate::{
    cluster::Cluster,
    diagnostic::Located,
    options::Options,
    resource::{
        Object,
        cilium::CiliumPolicy,
        kubernetes::{ClusterNetworkPolicySpec, NetworkPolicySpec},
    },
    rule_id::PolicyRef,
};
use alloc::{vec, vec::Vec};

/// A network policy as an object of the cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PolicyObject<'c> {
    Cilium(&'c Object<CiliumPolicy>),
    CiliumClusterwide(&'c Object<CiliumPolicy>),
    Kubernetes(&'c Object<NetworkPolicySpec>),
    KubernetesCluster(&'c Object<ClusterNetworkPolicySpec>),
}

/// A network policy as the agent reads it.
#[derive(Debug)]
pub(crate) struct CheckedPolicy {
    /// One policy for each rule of the object.
    pub(crate) policies: Vec<Policy>,
    /// The faults for which the object is rejected.
    pub(crate) faults: Faults,
}

impl<'c> PolicyObject<'c> {
    /// Returns the network policies of `cluster`.
    pub(crate) fn all(cluster: &'c Cluster) -> impl Iterator<Item = Self> {
        let resources = cluster.resources();
        let cilium = resources.cilium_network_policies.iter().map(Self::Cilium);
        let clusterwide = &resources.cilium_clusterwide_network_policies;
        let cilium = cilium.chain(clusterwide.iter().map(Self::CiliumClusterwide));
        let kubernetes = resources.network_policies.iter().map(Self::Kubernetes);
        let cluster = resources.cluster_network_policies.iter().map(Self::KubernetesCluster);
        cilium.chain(kubernetes).chain(cluster)
    }

    /// Returns the context in which the policy is read.
    pub(crate) fn scope(self, index: &'c ClusterIndex<'c>, options: &'c Options) -> Scope<'c> {
        let namespace = match self {
            Self::Cilium(object) => Some(object.metadata.namespace.as_str()),
            Self::Kubernetes(object) => Some(object.metadata.namespace.as_str()),
            Self::CiliumClusterwide(_) | Self::KubernetesCluster(_) => None,
        };
        Scope { index, options, namespace, init: false }
    }

    /// Reads the policy.
    pub(crate) fn read(self, scope: &Scope<'_>) -> CheckedPolicy {
        let mut faults = Faults::default();
        let policies = match self {
            Self::Cilium(object) | Self::CiliumClusterwide(object) => {
                rule::policies(object, scope, &mut faults)
            }
            Self::Kubernetes(object) => vec![network_policy::policy(object, scope, &mut faults)],
            Self::KubernetesCluster(object) => {
                vec![cluster_network_policy::policy(object, scope, &mut faults)]
            }
        };
        CheckedPolicy { policies, faults }
    }

    /// Returns the object as a resource that findings are about.
    pub(crate) fn resource(self) -> &'c dyn Located {
        match self {
            Self::Cilium(object) | Self::CiliumClusterwide(object) => object,
            Self::Kubernetes(object) => object,
            Self::KubernetesCluster(object) => object,
        }
    }

    /// Returns the name of the object in rules.
    pub(crate) fn reference(self) -> PolicyRef {
        match self {
            Self::Cilium(object) | Self::CiliumClusterwide(object) => object.reference(),
            Self::Kubernetes(object) => object.reference(),
            Self::KubernetesCluster(object) => object.reference(),
        }
    }
}
