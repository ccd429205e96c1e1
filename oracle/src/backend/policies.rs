//! What a proxy is given: the AuthorizationPolicies of a cluster as JSON, and who the workload is.

use palisade::{CalledService, Cluster, MeshRole, Options, enforcement, flow::Place, manifest};
use palisade_cases::NoAnswer;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// Every AuthorizationPolicy of `cluster`, as its file has it.
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
        let place = (policy.origin.document, &policy.origin.item);
        let object = files[file].iter().find(|object| (object.origin.document, &object.origin.item) == place);
        found.extend(object.map(|object| object.value.clone()));
    }
    Ok(found)
}

/// The service that a waypoint is called for on the way to `place`.
pub fn called<'c>(cluster: &'c Cluster, place: &Place) -> Option<CalledService<'c>> {
    match place {
        Place::Gateway { service: Some(service), .. } => cluster.called_service(service),
        _ => None,
    }
}

/// The plugin configuration of the workload `name`, which is called for `service`.
pub fn configuration(
    cluster: &Cluster,
    name: &str,
    service: Option<CalledService<'_>>,
    policies: &[Value],
) -> Value {
    let workload = cluster.workload(name).expect("the simulation found it");
    let mesh = &cluster.resources().mesh;
    // No service is called, so the policies for services do not apply.
    let other = enforcement::check_proxy(cluster, workload, service, &Options::default());
    let other: Vec<String> = other.iter().map(|inexact| inexact.policy.to_string()).collect();
    let mut resources = policies.to_vec();
    if !mesh.extension_providers.is_empty() {
        resources.push(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": mesh.root_namespace},
            "data": {"mesh": json!({"extensionProviders": mesh.extension_providers}).to_string()},
        }));
    }
    json!({
        "acceptInexact": other,
        "service": service.map(|CalledService { namespace, name, kind }| {
            json!({"namespace": namespace, "name": name, "kind": kind})
        }),
        "workload": {
            "namespace": workload.namespace,
            "labels": workload.labels,
            "serviceAccount": workload.service_account,
            "role": matches!(workload.role, MeshRole::Waypoint(_)).then_some("waypoint"),
        },
        "mesh": {
            "rootNamespace": mesh.root_namespace,
            "trustDomain": mesh.trust_domain,
            "trustDomainAliases": mesh.trust_domain_aliases,
        },
        "direction": "inbound",
        "resources": resources,
    })
}
