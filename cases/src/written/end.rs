//! `from:` and `to:`.

use super::scalar::{Ip, OneOrMany};
use palisade::flow::{Certificate, End, Place};
use serde::Deserialize;

/// `from:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FromText {
    workload: Option<String>,
    ip: Option<Ip>,
    entity: Option<String>,
    node: Option<String>,
    mtls: Option<bool>,
    principal: Option<OneOrMany<String>>,
    dns_names: Option<OneOrMany<String>>,
    subject: Option<String>,
    mesh: Option<bool>,
}

impl FromText {
    pub(crate) fn end(self) -> Result<End, &'static str> {
        let place = match (reference(self.workload)?, self.ip, self.entity, self.node) {
            (Some(workload), None, None, None) => Place::Workload(workload),
            (None, Some(Ip(ip)), None, None) => Place::Ip(ip),
            (None, None, Some(name), node) => Place::Entity { name: entity(name)?, node },
            _ => {
                return Err(
                    "one of `workload`, `ip` or `entity` names this end (`node` only beside `entity`)",
                );
            }
        };
        let certificate = Certificate {
            uris: self.principal.unwrap_or_default().0,
            dns_names: self.dns_names.unwrap_or_default().0,
            subject: self.subject,
        };
        let certificate = (certificate != Certificate::default()).then_some(certificate);
        if certificate.is_some() && self.mtls == Some(false) {
            return Err("`mtls: false` contradicts `principal`, `dnsNames` and `subject`");
        }
        Ok(End { place, mtls: self.mtls, certificate, mesh: self.mesh })
    }
}

/// `to:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToText {
    workload: Option<String>,
    service: Option<String>,
    gateway: Option<String>,
    fqdn: Option<String>,
    ip: Option<Ip>,
    entity: Option<String>,
    node: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) mesh: Option<bool>,
}

impl ToText {
    pub(crate) fn place(self) -> Result<Place, &'static str> {
        let ip = self.ip.map(|Ip(ip)| ip);
        let service = reference(self.service)?;
        let place =
            match (reference(self.workload)?, reference(self.gateway)?, service, self.fqdn, self.entity) {
                (Some(workload), None, None, None, None) if ip.is_none() => Place::Workload(workload),
                (None, Some(gateway), service, None, None) if ip.is_none() => {
                    Place::Gateway { gateway, service }
                }
                (None, None, Some(service), None, None) if ip.is_none() => Place::Service(service),
                (None, None, None, Some(name), None) => Place::Fqdn { name, ip },
                (None, None, None, None, Some(name)) if ip.is_none() => {
                    return Ok(Place::Entity { name: entity(name)?, node: self.node });
                }
                (None, None, None, None, None) => match ip {
                    Some(ip) => Place::Ip(ip),
                    None => return Err(WHERE),
                },
                _ => return Err(WHERE),
            };
        if self.node.is_some() { Err("`node` goes with `entity` only") } else { Ok(place) }
    }
}

const WHERE: &str = "one of `workload`, `service`, `gateway`, `fqdn`, `ip` or `entity` names this end (`ip` may stand \
     beside `fqdn`, `service` beside `gateway`)";

const ENTITIES: [&str; 8] =
    ["host", "remote-node", "world", "health", "init", "ingress", "unmanaged", "kube-apiserver"];

fn entity(name: String) -> Result<String, &'static str> {
    if ENTITIES.contains(&name.as_str()) {
        return Ok(name);
    }
    Err("`entity` is one of host, remote-node, world, health, init, ingress, unmanaged, kube-apiserver")
}

fn reference(text: Option<String>) -> Result<Option<String>, &'static str> {
    match &text {
        Some(name) if name.split('/').count() != 2 || name.split('/').any(str::is_empty) => {
            Err("it is named `namespace/name`")
        }
        _ => Ok(text),
    }
}
