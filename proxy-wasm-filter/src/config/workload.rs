//! Whom the policies are compiled for: the workload, what its proxy is, and the service that a waypoint is called for.

use super::Config;
use crate::host::{Host, HostError};
use core::fmt;
use palisade::{CalledService, MeshRole, Workload};
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use std::collections::BTreeMap;

/// Where the workload's identity comes from.
#[derive(Clone, Debug)]
pub enum Whom {
    /// It is written here.
    Named(Identity),
    /// The proxy's node metadata has it.
    FromNode,
}

/// What policies select a workload by.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its service account.
    #[serde(default)]
    pub service_account: String,
    /// What its proxy is, where the labels do not show it.
    pub role: Option<Role>,
}

/// What the proxy of a workload is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A waypoint: the identity of the peer is in filter state.
    Waypoint,
}

/// The service that a waypoint is called for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub kind: ServiceKind,
}

/// The kinds of service that policies target.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum ServiceKind {
    /// A Kubernetes Service.
    #[default]
    Service,
    /// A ServiceEntry of Istio.
    ServiceEntry,
}

impl Config {
    /// The workload that policies are compiled for.
    ///
    /// # Errors
    /// When the node is asked and does not say its namespace.
    pub fn workload(&self, host: &impl Host) -> Result<Workload, String> {
        let identity = match &self.workload {
            Whom::Named(identity) => identity.clone(),
            Whom::FromNode => node_identity(host)?,
        };
        let labels = identity.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let mut workload = Workload::new(&identity.namespace, labels, &identity.service_account);
        if identity.role == Some(Role::Waypoint) {
            let name = workload.gateway_name().ok_or(
                "the role of `workload` is `waypoint`, but its labels have no \
                 `gateway.networking.k8s.io/gateway-name`; add the labels of its pods",
            )?;
            workload.role = MeshRole::Waypoint(name.to_owned());
        }
        let is_waypoint = matches!(workload.role, MeshRole::Waypoint(_));
        match node_kind(host)?.as_deref() {
            Some("waypoint") if !is_waypoint => Err(
                "the proxy is a waypoint (node ID), and `workload` is not: the filter would look for the identity of \
                 the peer in a certificate; write `\"role\": \"waypoint\"`"
                    .to_owned(),
            ),
            Some(kind @ ("sidecar" | "router")) if is_waypoint => Err(format!(
                "`workload` is a waypoint, and the proxy is a {kind} (node ID): no filter state holds the identity of \
                 the peer; remove the role and the labels of a waypoint"
            )),
            _ if self.service.is_some() && !is_waypoint => Err(
                "`service` needs a `workload` that is a waypoint; remove `service`, or write `\"role\": \"waypoint\"`"
                    .to_owned(),
            ),
            _ => Ok(workload),
        }
    }

    /// The service that requests are for.
    pub fn called_service(&self) -> Option<CalledService<'_>> {
        self.service.as_ref().map(|service| CalledService {
            namespace: &service.namespace,
            name: &service.name,
            kind: match service.kind {
                ServiceKind::Service => CalledService::SERVICE,
                ServiceKind::ServiceEntry => CalledService::SERVICE_ENTRY,
            },
        })
    }
}

/// The kind of proxy that istiod takes the node for: the ID is `KIND~ADDRESS~POD~DOMAIN`.
fn node_kind(host: &impl Host) -> Result<Option<String>, String> {
    let id = host
        .property("xds\0node\0id")
        .map_err(|HostError(status)| format!("the node ID cannot be read: status {status}"))?;
    let id = id.as_deref().and_then(|id| core::str::from_utf8(id).ok());
    Ok(id.and_then(|id| id.split_once('~')).map(|(kind, _)| kind.to_owned()))
}

fn node_identity(host: &impl Host) -> Result<Identity, String> {
    let read = |key: &str| {
        host.property(&format!("xds\0node\0metadata\0{key}"))
            .map_err(|HostError(status)| format!("node metadata `{key}` cannot be read: status {status}"))
    };
    let text = |key: &str, bytes: &[u8]| {
        String::from_utf8(bytes.to_vec()).map_err(|_| format!("node metadata `{key}` is not UTF-8"))
    };
    let namespace = read("NAMESPACE")?.ok_or(
        "`workload` is `fromNode`, but the node has no metadata `NAMESPACE`; name the workload in the \
         configuration, or set it in the bootstrap",
    )?;
    let mut identity = Identity { namespace: text("NAMESPACE", &namespace)?, ..Identity::default() };
    if let Some(labels) = read("LABELS")? {
        let labels =
            crate::header_map::HeaderMap::parse(labels).ok_or("node metadata `LABELS` is not a map")?;
        for (key, value) in labels.iter() {
            identity.labels.insert(text("LABELS", key)?, text("LABELS", value)?);
        }
    }
    if node_kind(host)?.as_deref() == Some("waypoint") {
        identity.role = Some(Role::Waypoint);
    }
    if let Some(account) = read("SERVICE_ACCOUNT")? {
        identity.service_account = text("SERVICE_ACCOUNT", &account)?;
    }
    Ok(identity)
}

impl<'de> Deserialize<'de> for Whom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Whom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`\"fromNode\"` or an object with `namespace`, `labels` and `serviceAccount`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Whom, E> {
                if text == "fromNode" {
                    Ok(Whom::FromNode)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Whom, A::Error> {
                Identity::deserialize(MapAccessDeserializer::new(map)).map(Whom::Named)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
