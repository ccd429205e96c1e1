//! What a port speaks, and where a Service leads (docs/semantics/istio.md#istio-port-protocol).

use super::FlowError;
use crate::{
    cluster::{Cluster, Workload},
    net::Protocol,
    resource::kubernetes::ServicePort,
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

fn declared(cluster: &Cluster, workload: &Workload, port: u16) -> Speaks {
    let resources = cluster.resources();
    for gateway in resources.gateways.iter().filter(|g| workload.has_labels(&g.spec.selector)) {
        if let Some(server) = gateway.spec.servers.iter().find(|s| s.port.number == port) {
            return by_name(&server.port.protocol.to_ascii_lowercase(), true);
        }
    }
    let services = resources.services.iter().filter(|s| {
        s.metadata.namespace == workload.namespace
            && !s.spec.selector.is_empty()
            && workload.has_labels(&s.spec.selector)
    });
    for service in services {
        if let Some(p) = service.spec.ports.iter().find(|p| target(p, workload) == Some(port)) {
            return match &p.app_protocol {
                Some(protocol) => by_name(&protocol.to_ascii_lowercase(), false),
                None => by_name(p.name.split('-').next().unwrap_or_default(), false),
            };
        }
    }
    Speaks::Unknown
}

/// A gateway's HTTPS server terminates TLS and speaks HTTP; a Service's `https` port is opaque.
fn by_name(name: &str, gateway: bool) -> Speaks {
    match name {
        "http" | "http2" | "grpc" | "grpc-web" | "kubernetes.io/h2c" | "kubernetes.io/ws" => Speaks::Http,
        "https" if gateway => Speaks::Http,
        "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis" | "kubernetes.io/wss" => Speaks::Tcp,
        _ => Speaks::Unknown,
    }
}
