//! `--from` and `--to`: which pod, Service, name, address or entity is meant.

use crate::failure::Failure;
use core::net::IpAddr;
use palisade::{
    Cluster, NamespacedName, UnknownName,
    flow::{Entity, Place},
};

/// One end as the user named it, found in the cluster.
#[derive(Debug)]
pub(in crate::command) struct Found {
    pub(in crate::command) place: Place,
    pub(in crate::command) port: Option<u16>,
    /// Something the reader should know about the choice.
    pub(in crate::command) remark: Option<String>,
}

const FROM: &str = "name a pod (namespace/name), an IP address, or an entity such as entity:world";
const TO: &str = "name a pod or Service (namespace/name:port), a DNS name (www.example.com:443), an IP address, or an entity";

/// Finds `--from`.
pub(super) fn from(cluster: &Cluster, text: &str) -> Result<Place, Failure> {
    if let Some(name) = text.strip_prefix("entity:") {
        return entity(name);
    }
    if let Ok(ip) = unbracketed(text).parse::<IpAddr>() {
        return Ok(Place::Ip(ip));
    }
    let name = text.strip_prefix("pod:").unwrap_or(text);
    if !is_reference(name) {
        return Err(Failure::argument(format!("`--from {text}` names no end of a flow"), FROM));
    }
    match cluster.workload(name) {
        Some(_) => Ok(Place::Workload(name.to_owned())),
        None if cluster.service(name).is_some() => {
            let help = format!("a flow comes from a pod, not from a Service{}", pods(cluster, name));
            Err(Failure::argument(format!("`--from {text}` is a Service"), help))
        }
        None => Err(missing(cluster, "--from", name, "pod")),
    }
}

/// Finds `--to`.
pub(in crate::command) fn to(cluster: &Cluster, text: &str) -> Result<Found, Failure> {
    let found = |place, port| Found { place, port, remark: None };
    if let Ok(ip) = unbracketed(text).parse::<IpAddr>() {
        return Ok(found(Place::Ip(ip), None));
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
        return Ok(found(Place::Ip(ip), port));
    }
    match kind {
        "entity" => return Ok(found(entity(name)?, port)),
        "gateway" if is_reference(name) => {
            return Ok(found(Place::Gateway { gateway: name.to_owned(), service: None }, port));
        }
        _ => {}
    }
    if !is_reference(name) {
        let is_name = name.contains('.') && !name.contains(['/', ' ', '*']) && kind.is_empty();
        if is_name {
            return Ok(found(Place::Fqdn { name: name.to_owned(), ip: None }, port));
        }
        return Err(Failure::argument(format!("`--to {text}` names no end of a flow"), TO));
    }
    inside(cluster, kind, name, port)
}

/// A pod of that name, else a Service.
fn inside(cluster: &Cluster, kind: &str, name: &str, port: Option<u16>) -> Result<Found, Failure> {
    let workload = cluster.workload(name).filter(|_| kind != "service");
    let service = cluster.service(name).filter(|_| kind != "pod");
    match (workload, service) {
        (Some(workload), service) => {
            let only = match workload.ports.as_slice() {
                [port] => Some(port.port),
                _ => None,
            };
            let remark = service.map(|_| {
                format!("`{name}` is a pod and a Service; the pod is meant. Write `--to service:{name}` for the other")
            });
            Ok(Found { place: Place::Workload(name.to_owned()), port: port.or(only), remark })
        }
        (None, Some(service)) => {
            let only = match service.spec.ports.as_slice() {
                [port] => Some(port.port),
                _ => None,
            };
            Ok(Found { place: Place::Service(name.to_owned()), port: port.or(only), remark: None })
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

fn entity(name: &str) -> Result<Place, Failure> {
    let entity: Entity = name.parse().map_err(|error: UnknownName| {
        let help = format!("write entity:NAME with one of {}", error.expected().join(", "));
        Failure::argument(format!("unknown entity `{name}`"), help)
    })?;
    Ok(Place::Entity { name: entity.to_string(), node: None })
}

fn missing(cluster: &Cluster, argument: &str, name: &str, what: &str) -> Failure {
    let help = pods(cluster, name);
    let help = if help.is_empty() {
        "give its manifest with -f".to_owned()
    } else {
        help.trim_start_matches("; ").to_owned()
    };
    Failure::argument(format!("`{argument} {name}`: the manifests have no {what} of that name"), help)
}

/// Names of pods that may have been meant: those of the namespace, or namespaces with such a pod.
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
