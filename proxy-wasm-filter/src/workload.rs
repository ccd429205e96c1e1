//! The workload whose policies the filter enforces, from the configuration or from the node metadata of the proxy.

use crate::{header_map::HeaderMap, host::Host, types::HostError};
use palisade::{MeshRole, Workload};
use palisade_plugin_config::{Config, ConfigError, Role, WorkloadSource, WorkloadSpec};

/// Returns the workload of `config`.
///
/// # Errors
///
/// The node metadata has no namespace, or the role of the workload contradicts its labels or the node ID.
pub(crate) fn resolve(config: &Config, host: &impl Host) -> Result<Workload, ConfigError> {
    let spec = match &config.workload {
        WorkloadSource::Named(spec) => spec.clone(),
        WorkloadSource::FromNode => node_workload(host)?,
    };
    let labels = spec.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let mut workload = Workload::new(&spec.namespace, labels, &spec.service_account);
    if spec.role == Some(Role::Waypoint) {
        let name = workload.gateway_name().ok_or_else(|| {
            ConfigError::new(
                "the role of `workload` is `waypoint`, but its labels have no \
                 `gateway.networking.k8s.io/gateway-name`; add the labels of its pods",
            )
        })?;
        workload.role = MeshRole::Waypoint(name.to_owned());
    }
    let is_waypoint = matches!(workload.role, MeshRole::Waypoint(_));
    match node_kind(host)?.as_deref() {
        Some("waypoint") if !is_waypoint => Err(ConfigError::new(
            "the proxy is a waypoint (node ID), and `workload` is not: the filter would look for the identity of \
             the peer in a certificate; write `\"role\": \"waypoint\"`",
        )),
        Some(kind @ ("sidecar" | "router")) if is_waypoint => Err(ConfigError::new(format!(
            "`workload` is a waypoint, and the proxy is a {kind} (node ID): it has no filter state with the identity \
             of the peer; remove the role and the labels of a waypoint"
        ))),
        _ if config.service.is_some() && !is_waypoint => Err(ConfigError::new(
            "`service` needs a `workload` that is a waypoint; remove `service`, or write `\"role\": \"waypoint\"`",
        )),
        _ => Ok(workload),
    }
}

/// Returns the kind of proxy in the node ID, which istiod reads as `KIND~ADDRESS~POD~DOMAIN`.
fn node_kind(host: &impl Host) -> Result<Option<String>, ConfigError> {
    let id = host
        .property("xds\0node\0id")
        .map_err(|HostError(status)| ConfigError::new(format!("cannot read the node ID: status {status}")))?;
    let id = id.as_deref().and_then(|id| core::str::from_utf8(id).ok());
    Ok(id.and_then(|id| id.split_once('~')).map(|(kind, _)| kind.to_owned()))
}

/// Reads the workload from the node metadata, as Istio writes it.
fn node_workload(host: &impl Host) -> Result<WorkloadSpec, ConfigError> {
    let read = |key: &str| {
        host.property(&format!("xds\0node\0metadata\0{key}")).map_err(|HostError(status)| {
            ConfigError::new(format!("cannot read node metadata `{key}`: status {status}"))
        })
    };
    let text = |key: &str, bytes: &[u8]| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| ConfigError::new(format!("node metadata `{key}` is not UTF-8")))
    };
    let namespace = read("NAMESPACE")?.ok_or_else(|| {
        ConfigError::new(
            "`workload` is `fromNode`, but the node has no metadata `NAMESPACE`; name the workload in the \
             configuration, or set it in the bootstrap",
        )
    })?;
    let mut spec = WorkloadSpec { namespace: text("NAMESPACE", &namespace)?, ..WorkloadSpec::default() };
    if let Some(labels) = read("LABELS")? {
        let labels = HeaderMap::parse(labels)
            .ok_or_else(|| ConfigError::new("node metadata `LABELS` is not a map"))?;
        for (key, value) in labels.iter() {
            spec.labels.insert(text("LABELS", key)?, text("LABELS", value)?);
        }
    }
    if node_kind(host)?.as_deref() == Some("waypoint") {
        spec.role = Some(Role::Waypoint);
    }
    if let Some(account) = read("SERVICE_ACCOUNT")? {
        spec.service_account = text("SERVICE_ACCOUNT", &account)?;
    }
    Ok(spec)
}

#[cfg(test)]
mod tests;
