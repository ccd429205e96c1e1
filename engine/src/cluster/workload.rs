//! Workloads, which policies select.

use crate::{
    net::Protocol,
    options::Options,
    resource::{Object, kubernetes::Pod},
};
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// A named container port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    /// Name; empty for an unnamed port.
    pub name: String,
    /// Number.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// The kind of a workload's proxy (docs/semantics/istio.md#istio-attachment).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MeshRole {
    /// A sidecar, or a classic gateway: selectors apply.
    #[default]
    Proxy,
    /// A gateway of the Gateway API, with its name.
    GatewayApi(String),
    /// A waypoint, with its name.
    Waypoint(String),
}

/// The source of a client's identity in a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentitySource {
    /// The certificate of the connection.
    #[default]
    Certificate,
    /// The filter state [`IdentitySource::PEER_PRINCIPAL`], which a waypoint fills before it opens the inner connection.
    FilterState,
}

impl IdentitySource {
    /// The name of the filter state. Its value is the URI SANs of the client's certificate, as one string.
    pub const PEER_PRINCIPAL: &'static str = "io.istio.peer_principal";
}

impl MeshRole {
    /// Returns the source of a client's identity in a proxy of this role.
    pub fn identity_source(&self) -> IdentitySource {
        match self {
            Self::Waypoint(_) => IdentitySource::FilterState,
            Self::Proxy | Self::GatewayApi(_) => IdentitySource::Certificate,
        }
    }
}

/// A Pod, the Pods of a controller, or the workload of a plugin configuration.
///
/// ```
/// use palisade::Workload;
///
/// let workload = Workload::new("foo", [("app", "sample")], "sample");
/// assert_eq!(workload.service_account, "sample");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Namespace.
    pub namespace: String,
    /// Name of the pod or controller.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Service account.
    pub service_account: String,
    /// IP addresses; the first is the primary one.
    pub ips: Vec<IpAddr>,
    /// Container ports.
    pub ports: Vec<NamedPort>,
    /// The name of its node. Pods without a node share the node with the empty name.
    pub node: String,
    /// Whether it uses the network of its node.
    pub host_network: bool,
    /// The kind of its proxy.
    pub role: MeshRole,
    /// The labels by which its controller selects Pods; empty for a Pod and for a controller without `matchLabels`.
    pub owner_selector: BTreeMap<String, String>,
}

const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
const GATEWAY_CLASS: &str = "gateway.networking.k8s.io/gateway-class-name";
const MANAGED_BY: &str = "gateway.istio.io/managed";
const TEMPLATES: &str = "inject.istio.io/templates";
/// The class of Istio's waypoints.
pub(crate) const WAYPOINT_CLASS: &str = "istio-waypoint";

impl Workload {
    /// Returns a workload with the properties by which policies select it.
    pub fn new<'a>(
        namespace: &str,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
        service_account: &str,
    ) -> Self {
        let labels = labels.into_iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let workload = Self {
            namespace: namespace.to_string(),
            labels,
            service_account: service_account.to_string(),
            ..Self::default()
        };
        Self { role: role(&workload.labels), ..workload }
    }

    /// Returns the workload of a Pod manifest.
    pub(super) fn from_pod(object: &Object<Pod>) -> Self {
        let pod = &object.spec;
        let status = &pod.status;
        let mut ips: Vec<IpAddr> = Vec::new();
        let texts = core::iter::once(&status.pod_ip).chain(status.pod_ips.iter().map(|ip| &ip.ip));
        for ip in texts.filter_map(|text| text.parse().ok()) {
            if !ips.contains(&ip) {
                ips.push(ip);
            }
        }
        let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
        let ports = containers.flat_map(|c| &c.ports).filter_map(|p| {
            let protocol = Protocol::parse(&p.protocol)?;
            Some(NamedPort { name: p.name.clone(), port: p.container_port, protocol })
        });
        let account = &pod.spec.service_account_name;
        Self {
            namespace: object.metadata.namespace.clone(),
            name: object.metadata.name.clone(),
            labels: object.metadata.labels.clone(),
            annotations: object.metadata.annotations.clone(),
            service_account: if account.is_empty() { "default".to_string() } else { account.clone() },
            ips,
            ports: ports.collect(),
            node: pod.spec.node_name.clone(),
            host_network: pod.spec.host_network,
            role: role(&object.metadata.labels),
            owner_selector: pod.owner_selector.clone(),
        }
    }

    /// Returns the name of the Gateway whose label the workload has.
    pub fn gateway_name(&self) -> Option<&str> {
        self.labels.get(GATEWAY_NAME).map(String::as_str)
    }

    /// Returns whether Istio injects the gateway template.
    pub(super) fn is_injected_gateway(&self) -> bool {
        let templates = self.annotations.get(TEMPLATES);
        templates.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"))
    }

    /// Returns its addresses of the address families that the cluster uses.
    pub(crate) fn addresses(&self, options: &Options) -> Vec<IpAddr> {
        self.ips.iter().filter(|ip| options.cilium.ipv6 || ip.is_ipv4()).copied().collect()
    }

    /// Returns whether it has all `labels`.
    pub fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

fn role(labels: &BTreeMap<String, String>) -> MeshRole {
    match labels.get(GATEWAY_NAME) {
        None => MeshRole::Proxy,
        Some(name)
            if labels.get(GATEWAY_CLASS).is_some_and(|class| class == WAYPOINT_CLASS)
                || labels
                    .get(MANAGED_BY)
                    .is_some_and(|controller| controller == "istio.io-mesh-controller") =>
        {
            MeshRole::Waypoint(name.clone())
        }
        Some(name) => MeshRole::GatewayApi(name.clone()),
    }
}
