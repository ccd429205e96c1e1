//! What a port speaks, and where a Service leads (docs/semantics/istio.md#istio-port-protocol).

use super::FlowError;
use crate::{
    cluster::{Cluster, Workload},
    net::Protocol,
    resource::{istio::GatewayServer, kubernetes::ServicePort},
};
use alloc::{format, string::ToString};
use serde_json::Value;

/// The pod behind port `port` of the Service `name`, and the pod's port. One number may stand for a port of each protocol;
/// a Service that has it for another one only is taken at its number.
pub(super) fn behind<'c>(
    cluster: &'c Cluster,
    name: &str,
    port: Option<u16>,
    protocol: Protocol,
) -> Result<Option<(&'c Workload, u16)>, FlowError> {
    let service = cluster
        .service(name)
        .ok_or_else(|| FlowError::new(format!("no Service `{name}`"), "give its manifest"))?;
    let mut numbered = service.spec.ports.iter().filter(|p| port.is_none_or(|port| port == p.port));
    let spoken = |p: &&ServicePort| Protocol::parse(&p.protocol) == Some(protocol);
    let found = numbered.clone().find(spoken).or_else(|| numbered.next());
    let found = found.ok_or_else(|| {
        let port = port.map_or_else(|| "any".to_string(), |p| p.to_string());
        FlowError::new(format!("Service `{name}` has no port {port}"), "use one of the Service's own ports")
    })?;
    let workload = cluster.endpoints(service).next();
    Ok(workload.and_then(|w| Some((w, target(found, w)?))))
}

/// The workload's port that `port` leads to.
pub(super) fn target(port: &ServicePort, workload: &Workload) -> Option<u16> {
    match &port.target_port {
        None | Some(Value::Null) => Some(port.port),
        Some(Value::Number(number)) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
        Some(Value::String(name)) => {
            let named = workload.ports.iter().find(|p| p.name == *name).map(|p| p.port);
            named.or_else(|| name.parse().ok())
        }
        Some(_) => None,
    }
}

/// What a port is declared to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaks {
    Http,
    Tcp,
    /// Sniffed per connection.
    Unknown,
}

/// Whether a connection to `port` lands on a TCP chain: declared so, or sniffed and no request.
pub(super) fn is_tcp_chain(cluster: &Cluster, workload: &Workload, port: Option<u16>, request: bool) -> bool {
    let Some(port) = port else { return !request };
    match declared(cluster, workload, port) {
        Speaks::Http => false,
        Speaks::Tcp => true,
        Speaks::Unknown => !request,
    }
}

/// Service ports that Istio never sniffs: SMTP, DNS, MySQL, MongoDB (docs/semantics/istio.md#istio-port-well-known).
const WELL_KNOWN: [u16; 4] = [25, 53, 3306, 27017];

fn declared(cluster: &Cluster, workload: &Workload, port: u16) -> Speaks {
    let resources = cluster.resources();
    for gateway in resources.gateways.iter().filter(|g| workload.has_labels(&g.spec.selector)) {
        if let Some(server) = gateway.spec.servers.iter().find(|s| s.port.number == port) {
            return by_server(server);
        }
    }
    let services = resources.services.iter().filter(|s| {
        s.metadata.namespace == workload.namespace
            && !s.spec.selector.is_empty()
            && workload.has_labels(&s.spec.selector)
    });
    for service in services {
        let mut ports =
            service.spec.ports.iter().filter(|p| Protocol::parse(&p.protocol) != Some(Protocol::Udp));
        if let Some(p) = ports.find(|p| target(p, workload) == Some(port)) {
            return by_service_port(p);
        }
    }
    Speaks::Unknown
}

/// A server that terminates HTTPS carries requests; one that passes TLS through carries bytes
/// (docs/semantics/istio.md#istio-service-https).
fn by_server(server: &GatewayServer) -> Speaks {
    let protocol = server.port.protocol.to_ascii_lowercase();
    let terminates = server
        .tls
        .as_ref()
        .is_some_and(|tls| !matches!(tls.mode.as_str(), "PASSTHROUGH" | "AUTO_PASSTHROUGH"));
    if protocol == "https" && terminates { Speaks::Http } else { by_protocol(&protocol) }
}

/// The protocol in `appProtocol`, else in the port's name, up to the first hyphen.
fn by_service_port(port: &ServicePort) -> Speaks {
    let name = port.app_protocol.as_ref().unwrap_or(&port.name).to_ascii_lowercase();
    match name.as_str() {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => return Speaks::Http,
        "kubernetes.io/wss" => return Speaks::Tcp,
        name if name.starts_with("grpc-web") => return Speaks::Http,
        _ => {}
    }
    match by_protocol(name.split('-').next().unwrap_or_default()) {
        Speaks::Unknown if WELL_KNOWN.contains(&port.port) => Speaks::Tcp,
        speaks => speaks,
    }
}

fn by_protocol(name: &str) -> Speaks {
    match name {
        "http" | "http2" | "http_proxy" | "grpc" | "grpc-web" => Speaks::Http,
        "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis" => Speaks::Tcp,
        _ => Speaks::Unknown,
    }
}
