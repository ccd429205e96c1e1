//! A workload: what policies select, and where traffic ends.

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
    /// Name; empty when it has none.
    pub name: String,
    /// Number.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// What kind of proxy stands in front of a workload (docs/semantics/istio.md#istio-attachment).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MeshRole {
    /// A sidecar, or a classic gateway: selectors apply.
    #[default]
    Proxy,
    /// A gateway of the Gateway API, by its name.
    GatewayApi(String),
    /// A waypoint, by its name.
    Waypoint(String),
}

/// Where a proxy finds the identity of the peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdentitySource {
    /// The certificate of the connection.
    #[default]
    Certificate,
    /// The filter state [`IdentitySource::PEER_PRINCIPAL`], which a waypoint fills before it opens the inner connection.
    FilterState,
}

impl IdentitySource {
    /// The name of the filter state: the URI SANs of the client's certificate, as one string.
    pub const PEER_PRINCIPAL: &'static str = "io.istio.peer_principal";
}

impl MeshRole {
    /// Where a proxy of this role finds the identity of the peer.
    pub fn identity_source(&self) -> IdentitySource {
        match self {
            Self::Waypoint(_) => IdentitySource::FilterState,
            Self::Proxy | Self::GatewayApi(_) => IdentitySource::Certificate,
        }
    }
}

/// A pod, or what a controller's pods will be; or a workload that a plugin configuration describes.
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
    /// Addresses, the primary one first.
    pub ips: Vec<IpAddr>,
    /// Container ports.
    pub ports: Vec<NamedPort>,
    /// Node it runs on; empty is the one node that all unplaced pods share.
    pub node: String,
    /// Whether it shares its node's network.
    pub host_network: bool,
    /// What kind of proxy it is.
    pub role: MeshRole,
    /// Labels by which its controller selects pods; empty for a Pod and for a controller without `matchLabels`.
    pub owner_selector: BTreeMap<String, String>,
}

const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";
const GATEWAY_CLASS: &str = "gateway.networking.k8s.io/gateway-class-name";
const MANAGED_BY: &str = "gateway.istio.io/managed";
const TEMPLATES: &str = "inject.istio.io/templates";
/// The class of Istio's waypoints.
pub(crate) const WAYPOINT_CLASS: &str = "istio-waypoint";

impl Workload {
    /// A workload known only by what policies select it by.
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

    /// The workload that `pod` describes.
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

    /// The Gateway of the Gateway API whose pods carry its labels.
    pub fn gateway_name(&self) -> Option<&str> {
        self.labels.get(GATEWAY_NAME).map(String::as_str)
    }

    /// Whether Istio injects the gateway template into it.
    pub(super) fn is_injected_gateway(&self) -> bool {
        let templates = self.annotations.get(TEMPLATES);
        templates.is_some_and(|names| names.split(',').any(|name| name.trim() == "gateway"))
    }

    /// Its addresses of the families that the cluster uses.
    pub(crate) fn addresses(&self, options: &Options) -> Vec<IpAddr> {
        self.ips.iter().filter(|ip| options.cilium.ipv6 || ip.is_ipv4()).copied().collect()
    }

    /// Whether `labels` are all among its own.
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
