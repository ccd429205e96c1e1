//! The ends of a flow as Cilium sees them: who they are, and what the other end sees of them.

use super::{Flow, FlowError, Place, Simulation, connection::Connection, port};
use crate::{
    cluster::{Cluster, EndKind, Workload, identity::RESERVED},
    labels::{Label, Labels},
    net::Protocol,
    options::{CidrMatch, CiliumVersion},
    request::Peer,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// One end.
#[derive(Clone, Debug)]
pub(super) struct Side<'c> {
    pub(super) kind: EndKind,
    /// `namespace/name` of a pod, the entity's name otherwise.
    pub(super) name: String,
    pub(super) workload: Option<&'c Workload>,
    /// The Node manifest meant, of a node.
    pub(super) node: Option<String>,
    pub(super) labels: Labels,
    pub(super) address: Option<IpAddr>,
    /// Whether the flow names it by its address.
    pub(super) by_address: bool,
}

/// The other end of a flow as policies see it.
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

impl Side<'_> {
    /// The node whose agent enforces its policy; empty is the one that all unplaced pods share.
    pub(super) fn on_node(&self) -> &str {
        self.workload.map(|w| w.node.as_str()).or(self.node.as_deref()).unwrap_or_default()
    }
}

/// The destination of a flow, and its port behind service translation.
#[derive(Clone, Debug)]
pub(super) struct Destination<'c> {
    pub(super) side: Side<'c>,
    pub(super) port: Option<u16>,
}

impl<'c> Simulation<'c> {
    /// The end that opens `flow`.
    pub(super) fn source(&self, place: &Place) -> Result<Side<'c>, FlowError> {
        match place {
            Place::Workload(name) => Ok(self.pod(workload(self.cluster, name)?)),
            Place::Ip(ip) => self.at(*ip),
            Place::Entity { name, node } => self.entity(name, node.as_deref()),
            Place::Fqdn { ip: Some(ip), .. } => self.at(*ip),
            Place::Fqdn { ip: None, .. } | Place::Service(_) | Place::Gateway { .. } => {
                let message = "a flow cannot come from a name or a Service";
                Err(FlowError::new(message, "name a workload, an address or an entity"))
            }
        }
    }

    /// Where `flow` goes; a name without an address is somewhere outside.
    pub(super) fn destination(&self, flow: &Flow) -> Result<Destination<'c>, FlowError> {
        let side = match &flow.to {
            Place::Service(name) => return self.service(name, flow.port, flow.protocol),
            Place::Ip(ip) | Place::Fqdn { ip: Some(ip), .. } => {
                if let Some(service) = self.cluster.service_at(*ip) {
                    let name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
                    return self.service(&name, flow.port, flow.protocol);
                }
                self.at(*ip)?
            }
            Place::Gateway { .. } => {
                let found = Connection::destination(self, flow)?;
                let missing = || FlowError::new("no pod of the gateway", "give its pod's manifest");
                self.pod(found.ok_or_else(missing)?)
            }
            Place::Fqdn { ip: None, name } => Side { name: name.clone(), ..self.entity("world", None)? },
            other => self.source(other)?,
        };
        Ok(Destination { side, port: flow.port })
    }

    fn service(
        &self,
        name: &str,
        port: Option<u16>,
        protocol: Protocol,
    ) -> Result<Destination<'c>, FlowError> {
        match port::behind(self.cluster, name, port, protocol)? {
            Some((workload, port)) => Ok(Destination { side: self.pod(workload), port: Some(port) }),
            None => {
                let help = "give the manifest of a pod that it selects";
                Err(FlowError::new(format!("Service `{name}` has no pod behind port {port:?}"), help))
            }
        }
    }

    /// A pod; one in its node's network is its node.
    pub(super) fn pod(&self, workload: &'c Workload) -> Side<'c> {
        let name = format!("{}/{}", workload.namespace, workload.name);
        let address = workload.ips.first().copied();
        if workload.host_network {
            let node = Some(workload.node.clone()).filter(|n| !n.is_empty());
            let labels = self.cluster.entity_identity(EndKind::Host, node.as_deref(), &self.options);
            return Side {
                kind: EndKind::Host,
                name: "host".to_string(),
                workload: None,
                node,
                labels,
                address,
                by_address: false,
            };
        }
        let labels = self.cluster.pod_identity(workload, &self.options);
        Side {
            kind: EndKind::Pod,
            name,
            workload: Some(workload),
            node: None,
            labels,
            address,
            by_address: false,
        }
    }

    /// Who is at `ip`; an IPv4 address in IPv6 form is the IPv4 address, as it is on the wire.
    pub(super) fn at(&self, ip: IpAddr) -> Result<Side<'c>, FlowError> {
        let ip = ip.to_canonical();
        if let Some(workload) = self.cluster.workload_at(ip) {
            return Ok(self.pod(workload));
        }
        let text = ip.to_string();
        if let Some(node) = self.cluster.resources().nodes.iter().find(|n| n.spec.addresses.contains(&text)) {
            let host = self.entity("host", Some(&node.metadata.name))?;
            return Ok(Side { address: Some(ip), by_address: true, ..host });
        }
        Ok(Side {
            kind: EndKind::World,
            name: text,
            workload: None,
            node: None,
            labels: self.cluster.outside_identity(ip, &self.options),
            address: Some(ip),
            by_address: true,
        })
    }

    pub(super) fn entity(&self, name: &str, node: Option<&str>) -> Result<Side<'c>, FlowError> {
        let Some(kind) = EndKind::of_entity(name) else {
            let help = "use host, remote-node, world, health, init, ingress, unmanaged or kube-apiserver";
            return Err(FlowError::new(format!("entity `{name}` cannot be a source or destination"), help));
        };
        let nodes = &self.cluster.resources().nodes;
        let manifest = node.map(|n| nodes.iter().find(|m| m.metadata.name == n));
        if manifest == Some(None) {
            let message = format!("no Node `{}`", node.unwrap_or_default());
            return Err(FlowError::new(message, "give its manifest, or leave the node out"));
        }
        let address = manifest.flatten().and_then(|m| m.spec.addresses.iter().find_map(|a| a.parse().ok()));
        Ok(Side {
            kind,
            name: name.to_string(),
            workload: None,
            node: node.map(ToString::to_string),
            labels: self.cluster.entity_identity(kind, node, &self.options),
            address,
            by_address: false,
        })
    }

    /// `side` as an end on the node of `from` sees it: the host of another node is a remote node, and the API server on
    /// the own node is the local host.
    fn seen_from(&self, side: &Side<'c>, from: &Side<'c>) -> (EndKind, Labels) {
        let (kind, mut labels) = self.node_seen_from(side, from);
        let is_node = matches!(kind, EndKind::Host | EndKind::RemoteNode);
        if is_node && side.address.is_some_and(|ip| self.cluster.is_api_server(ip)) {
            labels.insert(Label::new(RESERVED, "kube-apiserver", ""));
        }
        (kind, labels)
    }

    fn node_seen_from(&self, side: &Side<'c>, from: &Side<'c>) -> (EndKind, Labels) {
        let own = Some(from.on_node()).filter(|node| !node.is_empty());
        let (Some(node), Some(own)) = (side.node.as_deref(), own) else {
            return (side.kind, side.labels.clone());
        };
        let identity = |kind| self.cluster.entity_identity(kind, Some(node), &self.options);
        match side.kind {
            EndKind::Host if node != own => (EndKind::RemoteNode, identity(EndKind::RemoteNode)),
            EndKind::KubeApiserver if node == own => {
                let mut labels = identity(EndKind::Host);
                labels.insert(Label::new(RESERVED, "kube-apiserver", ""));
                (EndKind::Host, labels)
            }
            kind => (kind, side.labels.clone()),
        }
    }

    /// `side` as the identity that policies on the node of `from` are evaluated against. `names` are those that DNS
    /// taught for its address.
    pub(super) fn peer(&self, side: &Side<'c>, from: &Side<'c>, names: &[&str]) -> PeerIdentity {
        let (kind, labels) = self.seen_from(side, from);
        let addresses = self.addresses(side, kind);
        let aggregated = self.options.cilium.version >= CiliumVersion::V1_20
            && match kind {
                EndKind::Pod => true,
                EndKind::World => {
                    self.has_local_identity(&addresses, names)
                        || addresses.iter().any(|ip| self.cluster.is_api_server(*ip))
                }
                EndKind::RemoteNode | EndKind::KubeApiserver => {
                    side.node.is_some()
                        && (self.options.cilium.node_labels
                            || self.options.cilium.matches_addresses_of(CidrMatch::Nodes))
                }
                _ => false,
            };
        PeerIdentity { labels, addresses, aggregated }
    }

    /// The addresses of `side`, seen as a `kind`, that blocks are compared with: an outside one, and what the CIDR match
    /// mode adds.
    fn addresses(&self, side: &Side<'c>, kind: EndKind) -> Vec<IpAddr> {
        let given = || side.address.into_iter().collect();
        match kind {
            EndKind::World => given(),
            EndKind::Pod if self.options.cilium.matches_addresses_of(CidrMatch::Pods) => {
                side.workload.map_or_else(given, |workload| workload.addresses(&self.options))
            }
            // Each address of a remote node has an identity of its own.
            EndKind::RemoteNode | EndKind::KubeApiserver
                if self.options.cilium.matches_addresses_of(CidrMatch::Nodes) && side.by_address =>
            {
                given()
            }
            EndKind::Host | EndKind::RemoteNode | EndKind::KubeApiserver
                if self.options.cilium.matches_addresses_of(CidrMatch::Nodes) =>
            {
                self.cluster.node_addresses(side.kind, side.node.as_deref(), &self.options)
            }
            _ => Vec::new(),
        }
    }

    /// The names that `side`, as an identity, has for `port`: those of every pod with the same labels.
    pub(super) fn port_names(&self, side: &Side<'c>, transport: crate::net::Transport) -> Vec<&'c str> {
        let Some(own) = side.workload else {
            // The cluster's DNS where no manifest tells of it.
            let dns = side.kind == EndKind::Pod && transport.port == 53;
            return if dns { Vec::from(["dns", "dns-tcp"]) } else { Vec::new() };
        };
        let twins = self.cluster.workloads().filter(|w| {
            w.namespace == own.namespace && w.labels == own.labels && w.service_account == own.service_account
        });
        let ports = twins.flat_map(|w| &w.ports);
        let bears = |p: &&crate::cluster::NamedPort| {
            !p.name.is_empty() && (p.protocol, p.port) == (transport.protocol, transport.port)
        };
        ports.filter(bears).map(|p| p.name.as_str()).collect()
    }
}

fn workload<'c>(cluster: &'c Cluster, name: &str) -> Result<&'c Workload, FlowError> {
    cluster.workload(name).ok_or_else(|| {
        FlowError::new(format!("no workload `{name}`"), "give its Pod or its controller's manifest")
    })
}
