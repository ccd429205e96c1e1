//! What a proxy is given: the AuthorizationPolicies of a cluster as JSON, and who the workload is.

use palisade::{Cluster, manifest};
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

/// The plugin configuration of the workload `name`.
pub fn configuration(cluster: &Cluster, name: &str, policies: &[Value]) -> Value {
    let workload = cluster.workload(name).expect("the simulation found it");
    let mesh = &cluster.resources().mesh;
    json!({
        "workload": {
            "namespace": workload.namespace,
            "labels": workload.labels,
            "serviceAccount": workload.service_account,
        },
        "mesh": {
            "rootNamespace": mesh.root_namespace,
            "trustDomain": mesh.trust_domain,
            "trustDomainAliases": mesh.trust_domain_aliases,
        },
        "direction": "inbound",
        "resources": policies,
    })
}
