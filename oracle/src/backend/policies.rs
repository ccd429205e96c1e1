//! The configuration of a proxy: the AuthorizationPolicies of a cluster as JSON, and the workload.

use palisade::{CalledService, Cluster, Options, enforcement, flow::Place, manifest};
use palisade_cases::NoAnswer;
use palisade_plugin_config::{Config, MeshSettings, Service, WorkloadSource, WorkloadSpec};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// Returns every AuthorizationPolicy of `cluster`, as its file has it.
pub fn authorization_policies(cluster: &Cluster) -> Result<Vec<Value>, NoAnswer> {
    let mut files = BTreeMap::new();
    let mut found = Vec::new();
    for policy in &cluster.resources().authorization_policies {
        let file = policy.origin.file.as_deref().unwrap_or_default();
        if !files.contains_key(file) {
            let text =
                fs::read_to_string(file).map_err(|error| NoAnswer::Failed(format!("{file}: {error}")))?;
            files.insert(file.to_string(), manifest::documents(file, &text).0);
        }
        let position = (policy.origin.document, &policy.origin.item);
        let object =
            files[file].iter().find(|object| (object.origin.document, &object.origin.item) == position);
        found.extend(object.map(|object| object.value.clone()));
    }
    Ok(found)
}

/// Returns the service whose requests a waypoint receives on the way to `place`.
pub fn called<'c>(cluster: &'c Cluster, place: &Place) -> Option<CalledService<'c>> {
    match place {
        Place::Gateway { service: Some(service), .. } => cluster.called_service(service),
        _ => None,
    }
}

/// Returns the plugin configuration of the workload `name`, whose filter receives the requests for `service`.
pub fn configuration(
    cluster: &Cluster,
    name: &str,
    service: Option<CalledService<'_>>,
    policies: &[Value],
) -> Config {
    let workload = cluster.workload(name).expect("the simulation has resolved the workload");
    let mesh = &cluster.resources().mesh;
    // Without a service, the policies for services do not apply.
    let inexact = enforcement::check_proxy(cluster, workload, service, &Options::default());
    let mut resources = policies.to_vec();
    if !mesh.extension_providers.is_empty() {
        resources.push(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": mesh.root_namespace},
            "data": {"mesh": json!({"extensionProviders": mesh.extension_providers}).to_string()},
        }));
    }
    Config {
        mesh: MeshSettings::from(mesh),
        service: service.map(Service::from),
        accept_inexact: inexact.iter().map(|inexact| inexact.policy.to_string()).collect(),
        resources,
        ..Config::new(WorkloadSource::Named(WorkloadSpec::from(workload)))
    }
}
