//! `from:` and `to:`.

use super::scalar::{Ip, OneOrMany};
use palisade::{
    NamespacedName, UnknownName,
    flow::{Certificate, EndpointRef, Entity, FlowSource},
};
use serde::Deserialize;

/// `from:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FromSpec {
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

impl FromSpec {
    pub(crate) fn end(self) -> Result<FlowSource, String> {
        let place = match (reference(self.workload)?, self.ip, self.entity, self.node) {
            (Some(workload), None, None, None) => EndpointRef::Workload(workload),
            (None, Some(Ip(ip)), None, None) => EndpointRef::Ip(ip),
            (None, None, Some(name), node) => EndpointRef::Entity { name: entity(&name)?, node },
            _ => {
                return Err(
                    "must have one of `workload`, `ip` and `entity` (`node` only with `entity`)".to_owned()
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
            return Err("`mtls: false` excludes `principal`, `dnsNames` and `subject`".to_owned());
        }
        Ok(FlowSource { endpoint: place, mtls: self.mtls, certificate, mesh: self.mesh })
    }
}

/// `to:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToSpec {
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

impl ToSpec {
    pub(crate) fn place(self) -> Result<EndpointRef, String> {
        let ip = self.ip.map(|Ip(ip)| ip);
        let service = reference(self.service)?;
        let place =
            match (reference(self.workload)?, reference(self.gateway)?, service, self.fqdn, self.entity) {
                (Some(workload), None, None, None, None) if ip.is_none() => EndpointRef::Workload(workload),
                (None, Some(gateway), service, None, None) if ip.is_none() => {
                    EndpointRef::Gateway { gateway, service }
                }
                (None, None, Some(service), None, None) if ip.is_none() => EndpointRef::Service(service),
                (None, None, None, Some(name), None) => EndpointRef::Fqdn { name, ip },
                (None, None, None, None, Some(name)) if ip.is_none() => {
                    return Ok(EndpointRef::Entity { name: entity(&name)?, node: self.node });
                }
                (None, None, None, None, None) => match ip {
                    Some(ip) => EndpointRef::Ip(ip),
                    None => return Err(DESTINATION.to_owned()),
                },
                _ => return Err(DESTINATION.to_owned()),
            };
        if self.node.is_some() { Err("`node` must be with `entity`".to_owned()) } else { Ok(place) }
    }
}

const DESTINATION: &str = "must have one of `workload`, `service`, `gateway`, `fqdn`, `ip` and `entity` (or `fqdn` with \
     `ip`, or `gateway` with `service`)";

fn entity(name: &str) -> Result<String, String> {
    let entity: Entity = name.parse().map_err(|error: UnknownName| error.to_string())?;
    Ok(entity.to_string())
}

fn reference(text: Option<String>) -> Result<Option<String>, String> {
    match text.as_deref().map(str::parse::<NamespacedName>) {
        Some(Err(error)) => Err(error.to_string()),
        _ => Ok(text),
    }
}
