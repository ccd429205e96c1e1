//! The labels of each kind of endpoint, as in Cilium's security identities
//! (docs/semantics/cilium.md#cilium-identity-labels).

use super::{inventory::Cluster, label_filter::is_identity_label, workload::Workload};
use crate::{
    labels::{Label, Labels},
    options::{CidrMatch, Options},
    resource::{Object, kubernetes::Node},
};
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// The source of labels from Kubernetes.
pub(crate) const K8S: &str = "k8s";
/// The source of labels that Cilium reserves.
pub(crate) const RESERVED: &str = "reserved";
/// The source of labels from nodes.
pub(crate) const NODE: &str = "node";
/// The key of the namespace.
pub(crate) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// The key of the cluster.
pub(crate) const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
/// The key of the service account.
pub(crate) const SERVICE_ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";
/// The prefix of the keys for a namespace's labels.
pub(crate) const NAMESPACE_LABELS: &str = "io.cilium.k8s.namespace.labels.";

/// The prefix of keys that only the agent sets. The agent drops such labels of a pod.
const AGENT_KEYS: &str = "io.cilium.k8s";

/// The kind of an endpoint with a security identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointKind {
    /// A pod.
    Pod,
    /// The node that the pods run on.
    Host,
    /// Another node.
    RemoteNode,
    /// The API server.
    KubeApiserver,
    /// Cilium's health endpoint.
    Health,
    /// Cilium's ingress proxy.
    Ingress,
    /// A pod whose labels the agent has not resolved yet.
    Init,
    /// A pod that Cilium does not manage.
    Unmanaged,
    /// An endpoint outside of the cluster.
    World,
}

impl EndpointKind {
    /// Returns the kind of the entity `name`.
    pub fn of_entity(name: &str) -> Option<Self> {
        Some(match name {
            "host" => Self::Host,
            "remote-node" => Self::RemoteNode,
            "kube-apiserver" => Self::KubeApiserver,
            "health" => Self::Health,
            "ingress" => Self::Ingress,
            "init" => Self::Init,
            "unmanaged" => Self::Unmanaged,
            "world" => Self::World,
            _ => return None,
        })
    }

    /// Returns whether an agent enforces policies for this kind of endpoint.
    pub fn is_enforced(self, options: &Options) -> bool {
        match self {
            Self::Pod | Self::Health | Self::Ingress | Self::Init => true,
            Self::Host => options.cilium.host_firewall,
            Self::RemoteNode | Self::KubeApiserver | Self::Unmanaged | Self::World => false,
        }
    }

    fn reserved(self) -> &'static str {
        match self {
            Self::Pod => "",
            Self::Host => "host",
            Self::RemoteNode => "remote-node",
            Self::KubeApiserver => "kube-apiserver",
            Self::Health => "health",
            Self::Ingress => "ingress",
            Self::Init => "init",
            Self::Unmanaged => "unmanaged",
            Self::World => "world",
        }
    }
}

impl Cluster {
    /// Returns the labels of the pod `workload`: its own labels, its namespace, cluster and service account, and the labels of
    /// the namespace. The CIDR match mode `pods` adds the labels of each CiliumCIDRGroup with one of its addresses.
    ///
    /// The result omits labels that the agent's filter excludes, and own labels of the pod with keys that only the agent
    /// sets.
    ///
    /// A pod label `io.cilium.k8s.policy.cluster` represents a pod of another cluster.
    pub fn pod_identity(&self, workload: &Workload, options: &Options) -> Labels {
        let k8s = |key: &str, value: &str| Label::new(K8S, key, value);
        let cluster = workload.labels.get(CLUSTER).unwrap_or(&options.cilium.cluster_name);
        let is_own = |key: &str| !key.starts_with(AGENT_KEYS) && key != NAMESPACE;
        let is_seen = |key: &str| !options.cilium.label_filter || is_identity_label(key);
        let own =
            workload.labels.iter().filter(|(key, _)| is_own(key) && is_seen(key)).map(|(k, v)| k8s(k, v));
        // The API server adds the name of every namespace as a label.
        let name = ("kubernetes.io/metadata.name", workload.namespace.as_str());
        let namespace = self.namespace(&workload.namespace).into_iter().flat_map(|n| &n.labels);
        let namespace =
            namespace.map(|(key, value)| (key.as_str(), value.as_str())).filter(|l| l.0 != name.0);
        let namespace = namespace.chain([name]).map(|(key, value)| {
            let mut long = String::from(NAMESPACE_LABELS);
            long.push_str(key);
            Label::new(K8S, long, value)
        });
        let fixed = [
            k8s(NAMESPACE, &workload.namespace),
            k8s(CLUSTER, cluster),
            k8s(SERVICE_ACCOUNT, &workload.service_account),
        ];
        let mut labels = own.chain(namespace).chain(fixed).collect();
        if options.cilium.matches_addresses_of(CidrMatch::Pods) {
            self.add_group_labels(&mut labels, &workload.addresses(options));
        }
        labels
    }

    /// Returns the labels of an endpoint other than a pod. If the agent uses the labels of nodes, a node and the API server
    /// also have the labels of the Node manifest `node`.
    pub fn entity_identity(&self, kind: EndpointKind, node: Option<&str>, options: &Options) -> Labels {
        let mut labels: Labels = [Label::new(RESERVED, kind.reserved(), "")].into_iter().collect();
        if kind == EndpointKind::KubeApiserver {
            labels.insert(Label::new(RESERVED, "remote-node", ""));
        }
        let is_node =
            matches!(kind, EndpointKind::Host | EndpointKind::RemoteNode | EndpointKind::KubeApiserver);
        if is_node && options.cilium.node_labels {
            labels.insert(Label::new(K8S, CLUSTER, options.cilium.cluster_name.as_str()));
        }
        if let Some(manifest) = self.node(kind, node).filter(|_| is_node) {
            if options.cilium.node_labels || kind == EndpointKind::Host {
                for (key, value) in &manifest.metadata.labels {
                    labels.insert(Label::new(NODE, key.as_str(), value.as_str()));
                }
            }
            if options.cilium.matches_addresses_of(CidrMatch::Nodes) {
                self.add_group_labels(&mut labels, &node_addresses(manifest, options));
            }
        }
        labels
    }

    /// Returns the Node manifest `name`. Without a name, the local host has the manifest of the only node.
    fn node(&self, kind: EndpointKind, name: Option<&str>) -> Option<&Object<Node>> {
        let nodes = &self.resources().nodes;
        match name {
            Some(name) => nodes.iter().find(|n| n.metadata.name == name),
            None => nodes.first().filter(|_| nodes.len() == 1 && kind == EndpointKind::Host),
        }
    }

    /// Returns the addresses of a node, of the address families that the cluster uses.
    pub(crate) fn node_addresses(
        &self,
        kind: EndpointKind,
        node: Option<&str>,
        options: &Options,
    ) -> Vec<IpAddr> {
        self.node(kind, node).map(|manifest| node_addresses(manifest, options)).unwrap_or_default()
    }

    fn add_group_labels(&self, labels: &mut Labels, addresses: &[IpAddr]) {
        for group in self.address_groups().iter().filter(|group| group.contains_any(addresses)) {
            group.labels.iter().for_each(|label| labels.insert(label.clone()));
        }
    }

    /// Returns whether `ip` is a backend of the Service `default/kubernetes`.
    pub(crate) fn is_api_server(&self, ip: IpAddr) -> bool {
        let slices = self.resources().endpoint_slices.iter();
        let mut own = slices.filter(|s| s.metadata.namespace == "default" && s.spec.service == "kubernetes");
        own.any(|slice| slice.spec.backends.iter().any(|backend| backend.address == ip))
    }

    /// Returns the labels of the outside address `ip`: the label of the world, the labels of each CiliumCIDRGroup with this
    /// address, and the label of the API server if the address is one of its backends.
    pub fn outside_identity(&self, ip: IpAddr, options: &Options) -> Labels {
        let world = match (options.cilium.ipv6, ip) {
            (false, _) => "world",
            (true, IpAddr::V4(_)) => "world-ipv4",
            (true, IpAddr::V6(_)) => "world-ipv6",
        };
        let mut labels: Labels = [Label::new(RESERVED, world, "")].into_iter().collect();
        self.add_group_labels(&mut labels, &[ip]);
        if self.is_api_server(ip) {
            labels.insert(Label::new(RESERVED, EndpointKind::KubeApiserver.reserved(), ""));
        }
        labels
    }
}

fn node_addresses(node: &Object<Node>, options: &Options) -> Vec<IpAddr> {
    let addresses = node.spec.addresses.iter().filter_map(|text| text.parse().ok());
    addresses.filter(|ip: &IpAddr| options.cilium.ipv6 || ip.is_ipv4()).collect()
}
