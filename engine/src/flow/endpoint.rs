//! The endpoints of a flow: the pod, node, entity or outside address that a flow names, with its labels.

use super::{
    explanation::FlowError,
    port,
    types::{EndpointRef, Flow},
};
use crate::{
    cluster::{Cluster, EndpointKind, MeshRole, NamedPort, Workload, identity},
    labels::{Label, Labels},
    net::{Protocol, Transport},
    options::Options,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// The source or destination of a flow.
#[derive(Clone, Debug)]
pub(super) struct Endpoint<'c> {
    pub(super) kind: EndpointKind,
    /// `namespace/name` of a pod, the entity's name otherwise.
    pub(super) name: String,
    pub(super) workload: Option<&'c Workload>,
    /// The name of the Node manifest, if the endpoint is a node.
    pub(super) node: Option<String>,
    pub(super) labels: Labels,
    pub(super) address: Option<IpAddr>,
    /// Whether the flow names the endpoint by its address.
    pub(super) by_address: bool,
}

impl Endpoint<'_> {
    /// Returns the node whose agent enforces the endpoint's policies. Pods without a node share the node with the empty
    /// name.
    pub(super) fn node_name(&self) -> &str {
        self.workload.map(|w| w.node.as_str()).or(self.node.as_deref()).unwrap_or_default()
    }
}

/// The destination of a flow, and its port after Service translation.
#[derive(Clone, Debug)]
pub(super) struct Destination<'c> {
    pub(super) endpoint: Endpoint<'c>,
    pub(super) port: Option<u16>,
}

/// Finds the endpoints that flows name in a cluster.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) options: &'c Options,
}

impl<'c> Resolver<'c> {
    /// Returns the workload `namespace/name`.
    pub(super) fn workload(self, name: &str) -> Result<&'c Workload, FlowError> {
        self.cluster.workload(name).ok_or_else(|| {
            FlowError::new(format!("no workload `{name}`"), "add the manifest of its Pod or controller")
        })
    }

    /// Returns the pod of the Gateway-API gateway `namespace/name`.
    pub(super) fn gateway(self, gateway: &str) -> Result<&'c Workload, FlowError> {
        let (namespace, name) = gateway.split_once('/').unwrap_or(("", gateway));
        let is_gateway = |w: &&Workload| {
            w.namespace == namespace
                && matches!(&w.role, MeshRole::GatewayApi(n) | MeshRole::Waypoint(n) if n == name)
        };
        self.cluster.workloads().find(is_gateway).ok_or_else(|| {
            let help = "add the Gateway's pod, with the label gateway.networking.k8s.io/gateway-name";
            FlowError::new(format!("no pod of gateway `{gateway}`"), help.to_string())
        })
    }

    /// Returns the source that `reference` names.
    pub(super) fn source(self, reference: &EndpointRef) -> Result<Endpoint<'c>, FlowError> {
        match reference {
            EndpointRef::Workload(name) => Ok(self.pod(self.workload(name)?)),
            EndpointRef::Ip(ip) => self.at(*ip),
            EndpointRef::Entity { name, node } => self.entity(name, node.as_deref()),
            EndpointRef::Fqdn { ip: Some(ip), .. } => self.at(*ip),
            EndpointRef::Fqdn { ip: None, .. } | EndpointRef::Service(_) | EndpointRef::Gateway { .. } => {
                let message = "the source must not be a DNS name, a Service or a gateway";
                Err(FlowError::new(message, "use a workload, an address or an entity"))
            }
        }
    }

    /// Returns the destination of `flow`. A DNS name without an address is an endpoint outside of the cluster.
    pub(super) fn destination(self, flow: &Flow) -> Result<Destination<'c>, FlowError> {
        let endpoint = match &flow.to {
            EndpointRef::Service(name) => return self.service(name, flow.port, flow.protocol),
            EndpointRef::Ip(ip) | EndpointRef::Fqdn { ip: Some(ip), .. } => {
                if let Some(service) = self.cluster.service_at(*ip) {
                    let name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
                    return self.service(&name, flow.port, flow.protocol);
                }
                self.at(*ip)?
            }
            EndpointRef::Gateway { gateway, .. } => self.pod(self.gateway(gateway)?),
            EndpointRef::Fqdn { ip: None, name } => {
                Endpoint { name: name.clone(), ..self.entity("world", None)? }
            }
            other => self.source(other)?,
        };
        Ok(Destination { endpoint, port: flow.port })
    }

    fn service(
        self,
        name: &str,
        port: Option<u16>,
        protocol: Protocol,
    ) -> Result<Destination<'c>, FlowError> {
        match port::service_target(self.cluster, name, port, protocol)? {
            Some((workload, port)) => Ok(Destination { endpoint: self.pod(workload), port: Some(port) }),
            None => {
                let help = "add the manifest of a pod that it selects";
                let port = port.map_or_else(|| "any port".to_string(), |port| format!("port {port}"));
                Err(FlowError::new(format!("Service `{name}` selects no pod for {port}"), help))
            }
        }
    }

    /// Returns the endpoint of a pod. A pod in the network of its node is the node.
    pub(super) fn pod(self, workload: &'c Workload) -> Endpoint<'c> {
        let address = workload.ips.first().copied();
        if workload.host_network {
            let node = Some(workload.node.clone()).filter(|n| !n.is_empty());
            let labels = self.cluster.entity_identity(EndpointKind::Host, node.as_deref(), self.options);
            let host = Endpoint { node, ..Endpoint::new(EndpointKind::Host, "host", labels) };
            return Endpoint { address, ..host };
        }
        let name = format!("{}/{}", workload.namespace, workload.name);
        let labels = self.cluster.pod_identity(workload, self.options);
        Endpoint { workload: Some(workload), address, ..Endpoint::new(EndpointKind::Pod, &name, labels) }
    }

    /// Returns the endpoint with the address `ip`. An IPv4 address in IPv6 form is the IPv4 address, as on the wire.
    fn at(self, ip: IpAddr) -> Result<Endpoint<'c>, FlowError> {
        let ip = ip.to_canonical();
        if let Some(workload) = self.cluster.workload_at(ip) {
            return Ok(self.pod(workload));
        }
        let text = ip.to_string();
        if let Some(node) = self.cluster.resources().nodes.iter().find(|n| n.spec.addresses.contains(&text)) {
            let host = self.entity("host", Some(&node.metadata.name))?;
            return Ok(Endpoint { address: Some(ip), by_address: true, ..host });
        }
        let labels = self.cluster.outside_identity(ip, self.options);
        let world = Endpoint::new(EndpointKind::World, &text, labels);
        Ok(Endpoint { address: Some(ip), by_address: true, ..world })
    }

    fn entity(self, name: &str, node: Option<&str>) -> Result<Endpoint<'c>, FlowError> {
        let Some(kind) = EndpointKind::of_entity(name) else {
            let help = "use host, remote-node, world, health, init, ingress, unmanaged or kube-apiserver";
            return Err(FlowError::new(format!("entity `{name}` cannot be a source or destination"), help));
        };
        let nodes = &self.cluster.resources().nodes;
        let manifest = node.map(|n| nodes.iter().find(|m| m.metadata.name == n));
        if manifest == Some(None) {
            let message = format!("no Node `{}`", node.unwrap_or_default());
            return Err(FlowError::new(message, "add its manifest, or omit the node"));
        }
        let address = manifest.flatten().and_then(|m| m.spec.addresses.iter().find_map(|a| a.parse().ok()));
        let labels = self.cluster.entity_identity(kind, node, self.options);
        Ok(Endpoint { node: node.map(ToString::to_string), address, ..Endpoint::new(kind, name, labels) })
    }

    /// Returns the cluster's DNS server: a pod labelled `k8s-app: kube-dns` in `kube-system`. Without such a pod, it is
    /// an endpoint with these labels.
    pub(super) fn dns_server(self) -> Endpoint<'c> {
        let is_dns = |w: &&Workload| {
            w.namespace == "kube-system" && w.labels.get("k8s-app").is_some_and(|app| app == "kube-dns")
        };
        if let Some(found) = self.cluster.workloads().find(is_dns) {
            return self.pod(found);
        }
        let labels: Labels = [
            Label::new(identity::K8S, "k8s-app", "kube-dns"),
            Label::new(identity::K8S, identity::NAMESPACE, "kube-system"),
            Label::new(identity::K8S, identity::CLUSTER, self.options.cilium.cluster_name.as_str()),
        ]
        .into_iter()
        .collect();
        Endpoint::new(EndpointKind::Pod, "kube-system/kube-dns", labels)
    }

    /// Returns the names of the port `transport` of `endpoint`: those that any pod with the same identity declares.
    pub(super) fn port_names(self, endpoint: &Endpoint<'c>, transport: Transport) -> Vec<&'c str> {
        let Some(own) = endpoint.workload else {
            // The cluster's DNS server without a manifest.
            let is_dns = endpoint.kind == EndpointKind::Pod && transport.port == 53;
            return if is_dns { Vec::from(["dns", "dns-tcp"]) } else { Vec::new() };
        };
        let same_identity = self.cluster.workloads().filter(|w| {
            w.namespace == own.namespace && w.labels == own.labels && w.service_account == own.service_account
        });
        let is_named = |p: &&NamedPort| {
            !p.name.is_empty() && (p.protocol, p.port) == (transport.protocol, transport.port)
        };
        same_identity.flat_map(|w| &w.ports).filter(is_named).map(|p| p.name.as_str()).collect()
    }
}

impl Endpoint<'_> {
    fn new(kind: EndpointKind, name: &str, labels: Labels) -> Self {
        Self {
            kind,
            name: name.to_string(),
            workload: None,
            node: None,
            labels,
            address: None,
            by_address: false,
        }
    }
}
