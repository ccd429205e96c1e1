//! The protocols of ports, and the pods of Services (docs/semantics/istio.md#istio-port-protocol).

use super::explanation::FlowError;
use crate::{
    cluster::{Cluster, Workload},
    net::Protocol,
    resource::{istio::GatewayServer, kubernetes::ServicePort},
};
use alloc::{format, string::ToString};
use serde_json::Value;

/// Returns the pod that receives connections to `port` of the Service `name`, and the pod's port.
///
/// A Service can have one port number for several protocols. If no port has the protocol, the number alone decides.
pub(super) fn service_target<'c>(
    cluster: &'c Cluster,
    name: &str,
    port: Option<u16>,
    protocol: Protocol,
) -> Result<Option<(&'c Workload, u16)>, FlowError> {
    let service = cluster
        .service(name)
        .ok_or_else(|| FlowError::new(format!("no Service `{name}`"), "add its manifest"))?;
    let mut numbered = service.spec.ports.iter().filter(|p| port.is_none_or(|port| port == p.port));
    let has_protocol = |p: &&ServicePort| Protocol::parse(&p.protocol) == Some(protocol);
    let found = numbered.clone().find(has_protocol).or_else(|| numbered.next());
    let found = found.ok_or_else(|| {
        let port = port.map_or_else(|| "any".to_string(), |p| p.to_string());
        FlowError::new(format!("Service `{name}` has no port {port}"), "use one of the Service's own ports")
    })?;
    let workload = cluster.endpoints(service).next();
    Ok(workload.and_then(|w| Some((w, target_port(found, w)?))))
}

/// Returns the port of `workload` that receives connections to the Service port `port`.
fn target_port(port: &ServicePort, workload: &Workload) -> Option<u16> {
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

/// The protocol that a Service or Gateway declares for a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Http,
    Tcp,
    /// None: the proxy detects the protocol of each connection.
    Nothing,
}

/// Returns whether a TCP filter chain accepts a connection to `port`: the port is declared as TCP, or it has no
/// declared protocol and the connection carries no HTTP request.
pub(super) fn is_tcp_chain(cluster: &Cluster, workload: &Workload, port: Option<u16>, request: bool) -> bool {
    let Some(port) = port else { return !request };
    match declared(cluster, workload, port) {
        Declared::Http => false,
        Declared::Tcp => true,
        Declared::Nothing => !request,
    }
}

/// Service ports for which Istio does not detect the protocol: SMTP, DNS, MySQL, MongoDB (docs/semantics/istio.md#istio-port-well-known).
const WELL_KNOWN: [u16; 4] = [25, 53, 3306, 27017];

fn declared(cluster: &Cluster, workload: &Workload, port: u16) -> Declared {
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
        if let Some(p) = ports.find(|p| target_port(p, workload) == Some(port)) {
            return by_service_port(p);
        }
    }
    Declared::Nothing
}

/// Returns the protocol of a gateway server. A server that terminates HTTPS receives requests; one that passes TLS
/// through receives bytes (docs/semantics/istio.md#istio-service-https).
fn by_server(server: &GatewayServer) -> Declared {
    let protocol = server.port.protocol.to_ascii_lowercase();
    let terminates = server
        .tls
        .as_ref()
        .is_some_and(|tls| !matches!(tls.mode.as_str(), "PASSTHROUGH" | "AUTO_PASSTHROUGH"));
    if protocol == "https" && terminates { Declared::Http } else { by_protocol(&protocol) }
}

/// Returns the protocol in `appProtocol`, or else in the name of the port, up to the first hyphen.
fn by_service_port(port: &ServicePort) -> Declared {
    let name = port.app_protocol.as_ref().unwrap_or(&port.name).to_ascii_lowercase();
    match name.as_str() {
        "kubernetes.io/h2c" | "kubernetes.io/ws" => return Declared::Http,
        "kubernetes.io/wss" => return Declared::Tcp,
        name if name.starts_with("grpc-web") => return Declared::Http,
        _ => {}
    }
    match by_protocol(name.split('-').next().unwrap_or_default()) {
        Declared::Nothing if WELL_KNOWN.contains(&port.port) => Declared::Tcp,
        declared => declared,
    }
}

fn by_protocol(name: &str) -> Declared {
    match name {
        "http" | "http2" | "http_proxy" | "grpc" | "grpc-web" => Declared::Http,
        "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis" => Declared::Tcp,
        _ => Declared::Nothing,
    }
}
