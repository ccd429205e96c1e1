//! The configuration of a proxy: the AuthorizationPolicies of a cluster as JSON, and the workload.

use palisade::{CalledService, Cluster, Options, enforcement, flow::EndpointRef};
use palisade_manifests::Manifests;
use palisade_plugin_config::{Config, MeshSettings, Service, WorkloadSource, WorkloadSpec};
use serde_json::{Value, json};

/// Returns every AuthorizationPolicy of `manifests`, as its file contains it.
pub fn authorization_policies(manifests: &Manifests) -> Vec<Value> {
    let policies = &manifests.cluster.resources().authorization_policies;
    policies.iter().filter_map(|policy| manifests.sources.object(&policy.origin)).cloned().collect()
}

/// Returns the service whose requests a waypoint receives on the way to `place`.
pub fn called<'c>(cluster: &'c Cluster, place: &EndpointRef) -> Option<CalledService<'c>> {
    match place {
        EndpointRef::Gateway { service: Some(service), .. } => cluster.called_service(service),
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
