//! The network policies of a cluster, and the identities by which they match the endpoints of a flow.

use super::{
    cache::Cache,
    endpoint::{Endpoint, Resolver},
};
use crate::{
    cluster::{Cluster, EndpointKind, identity::RESERVED},
    labels::{Label, Labels},
    lower::cilium::{self, Lowered, name::FqdnLabels},
    matcher::CidrSet,
    network::NetworkProgram,
    options::{CidrMatch, CiliumVersion, Options},
    request::Peer,
};
use alloc::{format, sync::Arc, vec::Vec};
use core::net::IpAddr;

/// The network policies of a cluster. All are lowered at once; the program of an endpoint is compiled on first use.
#[derive(Debug)]
pub(super) struct NetworkPolicies {
    lowered: Lowered,
    /// The address blocks of all policies and CiliumCIDRGroups, since Cilium 1.20.
    blocks: CidrSet,
    programs: Cache<Arc<NetworkProgram>>,
    pub(super) fqdn_labels: Arc<FqdnLabels>,
}

/// An endpoint as the policies of its peer match it.
#[derive(Clone, Debug)]
pub(super) struct PeerIdentity {
    labels: Labels,
    addresses: Vec<IpAddr>,
    aggregated: bool,
}

impl PeerIdentity {
    pub(super) fn as_peer(&self) -> Peer<'_> {
        Peer { labels: &self.labels, addresses: &self.addresses, aggregated: self.aggregated }
    }
}

/// Aggregate identities exist since this version.
const AGGREGATES: CiliumVersion = CiliumVersion::V1_20;

impl NetworkPolicies {
    /// Lowers the network policies of `cluster`. Their findings are those of [`crate::lint::check`].
    pub(super) fn new(cluster: &Cluster, options: &Options) -> Self {
        let lowered = cilium::lower(cluster, options);
        let blocks = match options.cilium.version >= AGGREGATES {
            true => lowered.blocks(cluster),
            false => Default::default(),
        };
        Self {
            lowered,
            blocks: CidrSet::new(blocks.into_iter().map(|net| (net, 0))),
            programs: Cache::new(cluster.workloads().count()),
            fqdn_labels: Arc::new(FqdnLabels::new(cluster.resources(), options)),
        }
    }

    /// Returns the compiled policies of `endpoint`.
    pub(super) fn program(&self, endpoint: &Endpoint<'_>, options: &Options) -> &Arc<NetworkProgram> {
        let key = match &endpoint.node {
            Some(node) => &format!("{}@{node}", endpoint.name),
            None => &endpoint.name,
        };
        self.programs.get_or_compute(key, || {
            let ports = endpoint.workload.map(|w| w.ports.as_slice()).unwrap_or_default();
            let selected = cilium::Endpoint { kind: endpoint.kind, labels: &endpoint.labels, ports };
            let layer = self.lowered.layer(&selected, options);
            Arc::new(NetworkProgram::new(&layer, options.switches))
        })
    }

    /// Returns `endpoint` as the policies of `subject` match it, on the subject's node. `names` are the names in the DNS
    /// cache for the endpoint's address.
    pub(super) fn peer(
        &self,
        resolver: Resolver<'_>,
        endpoint: &Endpoint<'_>,
        subject: &Endpoint<'_>,
        names: &[&str],
    ) -> PeerIdentity {
        let Resolver { cluster, options } = resolver;
        let (kind, labels) = seen_from(resolver, endpoint, subject);
        let addresses = addresses(resolver, endpoint, kind);
        let aggregated = options.cilium.version >= AGGREGATES
            && match kind {
                EndpointKind::Pod => true,
                EndpointKind::World => {
                    self.has_local_identity(&addresses, names)
                        || addresses.iter().any(|ip| cluster.is_api_server(*ip))
                }
                EndpointKind::RemoteNode | EndpointKind::KubeApiserver => {
                    endpoint.node.is_some()
                        && (options.cilium.node_labels
                            || options.cilium.matches_addresses_of(CidrMatch::Nodes))
                }
                _ => false,
            };
        PeerIdentity { labels, addresses, aggregated }
    }

    /// Returns whether an outside endpoint with `addresses` and `names` has its own identity on the node: some policy
    /// names a block with its address, or one of its names. Otherwise it has the identity of the world.
    fn has_local_identity(&self, addresses: &[IpAddr], names: &[&str]) -> bool {
        let is_named = |name: &&str| !self.fqdn_labels.of(name).is_empty();
        addresses.iter().any(|ip| self.blocks.contains(*ip)) || names.iter().any(is_named)
    }
}

/// Returns the kind and labels of `endpoint` on the node of `subject`: the host of another node is a remote node, and the
/// API server on the same node is the local host.
fn seen_from(
    resolver: Resolver<'_>,
    endpoint: &Endpoint<'_>,
    subject: &Endpoint<'_>,
) -> (EndpointKind, Labels) {
    let (kind, mut labels) = node_seen_from(resolver, endpoint, subject);
    let is_node = matches!(kind, EndpointKind::Host | EndpointKind::RemoteNode);
    if is_node && endpoint.address.is_some_and(|ip| resolver.cluster.is_api_server(ip)) {
        labels.insert(Label::new(RESERVED, "kube-apiserver", ""));
    }
    (kind, labels)
}

fn node_seen_from(
    Resolver { cluster, options }: Resolver<'_>,
    endpoint: &Endpoint<'_>,
    subject: &Endpoint<'_>,
) -> (EndpointKind, Labels) {
    let own = Some(subject.node_name()).filter(|node| !node.is_empty());
    let (Some(node), Some(own)) = (endpoint.node.as_deref(), own) else {
        return (endpoint.kind, endpoint.labels.clone());
    };
    let identity = |kind| cluster.entity_identity(kind, Some(node), options);
    match endpoint.kind {
        EndpointKind::Host if node != own => (EndpointKind::RemoteNode, identity(EndpointKind::RemoteNode)),
        EndpointKind::KubeApiserver if node == own => {
            let mut labels = identity(EndpointKind::Host);
            labels.insert(Label::new(RESERVED, "kube-apiserver", ""));
            (EndpointKind::Host, labels)
        }
        kind => (kind, endpoint.labels.clone()),
    }
}

/// Returns the addresses of `endpoint`, seen as a `kind`, that address blocks match: that of an outside endpoint, and
/// those that the CIDR match mode adds.
fn addresses(
    Resolver { cluster, options }: Resolver<'_>,
    endpoint: &Endpoint<'_>,
    kind: EndpointKind,
) -> Vec<IpAddr> {
    let own = || endpoint.address.into_iter().collect();
    match kind {
        EndpointKind::World => own(),
        EndpointKind::Pod if options.cilium.matches_addresses_of(CidrMatch::Pods) => {
            endpoint.workload.map_or_else(own, |workload| workload.addresses(options))
        }
        // Each address of a remote node has an identity of its own.
        EndpointKind::RemoteNode | EndpointKind::KubeApiserver
            if options.cilium.matches_addresses_of(CidrMatch::Nodes) && endpoint.by_address =>
        {
            own()
        }
        EndpointKind::Host | EndpointKind::RemoteNode | EndpointKind::KubeApiserver
            if options.cilium.matches_addresses_of(CidrMatch::Nodes) =>
        {
            cluster.node_addresses(endpoint.kind, endpoint.node.as_deref(), options)
        }
        _ => Vec::new(),
    }
}
