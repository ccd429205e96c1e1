//! The workload whose policies the filter enforces, and the service of a waypoint.

use core::fmt;
use palisade::{CalledService, MeshRole, Workload};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, value::MapAccessDeserializer},
};
use std::collections::BTreeMap;

/// The source of the workload's namespace, labels and service account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WorkloadSource {
    /// The configuration.
    Named(WorkloadSpec),
    /// The node metadata of the proxy, written `"fromNode"`.
    FromNode,
}

/// The properties by which policies select a workload.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSpec {
    /// The namespace.
    pub namespace: String,
    /// The labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The service account.
    #[serde(default)]
    pub service_account: String,
    /// The role of the proxy, if the labels do not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
}

/// The role of a workload's proxy.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A waypoint: the identity of the peer is in the filter state.
    Waypoint,
}

/// The service whose requests reach the filter of a waypoint.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// The kind.
    #[serde(default)]
    pub kind: ServiceKind,
}

/// The kinds of services that policies target.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum ServiceKind {
    /// A Kubernetes Service.
    #[default]
    Service,
    /// A ServiceEntry of Istio.
    ServiceEntry,
}

impl From<&Workload> for WorkloadSpec {
    fn from(workload: &Workload) -> Self {
        let is_waypoint = matches!(workload.role, MeshRole::Waypoint(_));
        Self {
            namespace: workload.namespace.clone(),
            labels: workload.labels.clone(),
            service_account: workload.service_account.clone(),
            role: is_waypoint.then_some(Role::Waypoint),
        }
    }
}

impl Service {
    /// Returns the service as the engine compiles policies for it.
    pub fn called(&self) -> CalledService<'_> {
        let kind = match self.kind {
            ServiceKind::Service => CalledService::SERVICE,
            ServiceKind::ServiceEntry => CalledService::SERVICE_ENTRY,
        };
        CalledService { namespace: &self.namespace, name: &self.name, kind }
    }
}

impl From<CalledService<'_>> for Service {
    fn from(service: CalledService<'_>) -> Self {
        let kind = match service.kind {
            CalledService::SERVICE_ENTRY => ServiceKind::ServiceEntry,
            _ => ServiceKind::Service,
        };
        Self { namespace: service.namespace.to_owned(), name: service.name.to_owned(), kind }
    }
}

/// The text of [`WorkloadSource::FromNode`].
const FROM_NODE: &str = "fromNode";

impl Serialize for WorkloadSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(workload) => workload.serialize(serializer),
            Self::FromNode => serializer.serialize_str(FROM_NODE),
        }
    }
}

impl<'de> Deserialize<'de> for WorkloadSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = WorkloadSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`\"fromNode\"` or an object with `namespace`, `labels` and `serviceAccount`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WorkloadSource, E> {
                match text {
                    FROM_NODE => Ok(WorkloadSource::FromNode),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<WorkloadSource, A::Error> {
                WorkloadSpec::deserialize(MapAccessDeserializer::new(map)).map(WorkloadSource::Named)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_without_kind_is_a_kubernetes_service() {
        let service: Service = serde_json::from_str(r#"{"namespace": "foo", "name": "web"}"#).unwrap();
        assert_eq!(service.called().kind, CalledService::SERVICE);
        assert_eq!(Service::from(service.called()), service);
    }

    #[test]
    fn waypoint_keeps_its_role() {
        let mut workload = Workload::new("foo", [], "sa");
        assert_eq!(WorkloadSpec::from(&workload).role, None);
        workload.role = MeshRole::Waypoint("wp".to_owned());
        assert_eq!(WorkloadSpec::from(&workload).role, Some(Role::Waypoint));
    }
}
