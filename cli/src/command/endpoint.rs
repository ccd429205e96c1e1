//! `--from` and `--to`: a pod, Service, DNS name, address or entity.

use crate::failure::Failure;
use core::net::IpAddr;
use palisade::{
    Cluster, NamespacedName, UnknownName,
    flow::{EndpointRef, Entity},
};

/// The destination that an argument names.
#[derive(Debug)]
pub(super) struct Destination {
    pub(super) place: EndpointRef,
    pub(super) port: Option<u16>,
    /// A note about an ambiguous name.
    pub(super) note: Option<String>,
}

const FROM: &str = "name a pod (namespace/name), an IP address, or an entity such as entity:world";
const TO: &str = "name a pod or Service (namespace/name:port), a DNS name (www.example.com:443), an IP address, or an entity";

/// Returns the source that `--from` names.
pub(super) fn source(cluster: &Cluster, text: &str) -> Result<EndpointRef, Failure> {
    if let Some(name) = text.strip_prefix("entity:") {
        return entity(name);
    }
    if let Ok(ip) = unbracketed(text).parse::<IpAddr>() {
        return Ok(EndpointRef::Ip(ip));
    }
    let name = text.strip_prefix("pod:").unwrap_or(text);
    if !is_reference(name) {
        return Err(Failure::argument(format!("invalid `--from {text}`"), FROM));
    }
    match cluster.workload(name) {
        Some(_) => Ok(EndpointRef::Workload(name.to_owned())),
        None if cluster.service(name).is_some() => {
            let help = format!("the source of a flow is a pod, not a Service{}", pods(cluster, name));
            Err(Failure::argument(format!("`--from {text}` is a Service"), help))
        }
        None => Err(missing(cluster, "--from", name, "pod")),
    }
}

/// Returns the destination that `--to` names.
pub(super) fn destination(cluster: &Cluster, text: &str) -> Result<Destination, Failure> {
    let found = |place, port| Destination { place, port, note: None };
    if let Ok(ip) = unbracketed(text).parse::<IpAddr>() {
        return Ok(found(EndpointRef::Ip(ip), None));
    }
    let (kind, rest) = match text.split_once(':') {
        Some((kind @ ("entity" | "pod" | "service" | "gateway"), rest)) => (kind, rest),
        _ => ("", text),
    };
    let (name, port) = match rest.rsplit_once(':') {
        None => (rest, None),
        Some((name, port)) => {
            let number = port.parse().map_err(|_| {
                Failure::argument(
                    format!("`--to {text}`: invalid port `{port}`"),
                    "a port is a number up to 65535",
                )
            })?;
            (name, Some(number))
        }
    };
    if let Ok(ip) = unbracketed(name).parse::<IpAddr>() {
        return Ok(found(EndpointRef::Ip(ip), port));
    }
    match kind {
        "entity" => return Ok(found(entity(name)?, port)),
        "gateway" if is_reference(name) => {
            return Ok(found(EndpointRef::Gateway { gateway: name.to_owned(), service: None }, port));
        }
        _ => {}
    }
    if !is_reference(name) {
        let is_name = name.contains('.') && !name.contains(['/', ' ', '*']) && kind.is_empty();
        if is_name {
            return Ok(found(EndpointRef::Fqdn { name: name.to_owned(), ip: None }, port));
        }
        return Err(Failure::argument(format!("invalid `--to {text}`"), TO));
    }
    pod_or_service(cluster, kind, name, port)
}

/// Returns the pod of that name, or else the Service.
fn pod_or_service(
    cluster: &Cluster,
    kind: &str,
    name: &str,
    port: Option<u16>,
) -> Result<Destination, Failure> {
    let workload = cluster.workload(name).filter(|_| kind != "service");
    let service = cluster.service(name).filter(|_| kind != "pod");
    match (workload, service) {
        (Some(workload), service) => {
            let only = match workload.ports.as_slice() {
                [port] => Some(port.port),
                _ => None,
            };
            let note = service.map(|_| {
                format!("`{name}` is a pod and a Service; the pod is used. For the Service, write `--to service:{name}`")
            });
            Ok(Destination { place: EndpointRef::Workload(name.to_owned()), port: port.or(only), note })
        }
        (None, Some(service)) => {
            let only = match service.spec.ports.as_slice() {
                [port] => Some(port.port),
                _ => None,
            };
            Ok(Destination { place: EndpointRef::Service(name.to_owned()), port: port.or(only), note: None })
        }
        (None, None) => {
            let what = match kind {
                "pod" => "pod",
                "service" => "Service",
                _ => "pod and no Service",
            };
            Err(missing(cluster, "--to", name, what))
        }
    }
}

fn entity(name: &str) -> Result<EndpointRef, Failure> {
    let entity: Entity = name.parse().map_err(|error: UnknownName| {
        let help = format!("write entity:NAME with one of {}", error.expected().join(", "));
        Failure::argument(format!("unknown entity `{name}`"), help)
    })?;
    Ok(EndpointRef::Entity { name: entity.to_string(), node: None })
}

fn missing(cluster: &Cluster, argument: &str, name: &str, what: &str) -> Failure {
    let help = pods(cluster, name);
    let help = if help.is_empty() {
        "add its manifest with -f".to_owned()
    } else {
        help.trim_start_matches("; ").to_owned()
    };
    Failure::argument(format!("`{argument} {name}`: the manifests have no {what} of that name"), help)
}

/// Returns similar names: pods with the same name in other namespaces, pods in the same namespace, or any pods.
fn pods(cluster: &Cluster, name: &str) -> String {
    let (namespace, own) = NamespacedName::split(name).unwrap_or_default();
    let near = |same: &dyn Fn(&palisade::Workload) -> bool| {
        let names: Vec<String> = cluster
            .workloads()
            .filter(|workload| same(workload))
            .take(8)
            .map(|workload| format!("{}/{}", workload.namespace, workload.name))
            .collect();
        names
    };
    let mut names = near(&|workload| workload.name == own || workload.name.starts_with(&format!("{own}-")));
    if names.is_empty() {
        names = near(&|workload| workload.namespace == namespace);
    }
    if names.is_empty() {
        names = near(&|_| true);
    }
    if names.is_empty() { String::new() } else { format!("; the manifests have {}", names.join(", ")) }
}

fn is_reference(name: &str) -> bool {
    NamespacedName::split(name).is_some()
}

fn unbracketed(text: &str) -> &str {
    text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text)
}
