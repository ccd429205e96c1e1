//! The plugin configuration of a bundle, with the resources as their files have them.

use palisade::{
    CalledService, Cluster, Origin, Profile, Workload,
    resource::{
        Object,
        istio::{MeshConfig, Provider as MeshProvider},
    },
};
use palisade_manifests::Manifests;
use palisade_plugin_config::{
    Config, MeshSettings, Mode, Provider, Service, TrafficDirection, WorkloadSource, WorkloadSpec,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The settings of a bundle.
pub(super) struct Settings<'a> {
    /// The workload; `None` means that each proxy reads its workload from its node metadata.
    pub(super) workload: Option<&'a Workload>,
    /// The service whose requests a waypoint's filter receives.
    pub(super) service: Option<CalledService<'a>>,
    pub(super) direction: TrafficDirection,
    pub(super) mode: Mode,
    pub(super) profile: Profile,
    /// The proxy's cluster that decides for CUSTOM rules.
    pub(super) provider: Option<&'a str>,
    /// Accepted policies that the filter cannot enforce exactly.
    pub(super) accepted: BTreeSet<String>,
}

impl Settings<'_> {
    pub(super) fn is_outbound(&self) -> bool {
        self.direction == TrafficDirection::Outbound
    }

    /// Returns the plugin configuration with the resources of `manifests`.
    pub(super) fn configuration(&self, manifests: &Manifests) -> Config {
        let workload = self.workload.map(WorkloadSpec::from);
        let accepted = self
            .accepted
            .iter()
            .filter(|name| name.starts_with("AuthorizationPolicy/") != self.is_outbound());
        Config {
            mesh: MeshSettings::from(&manifests.cluster.resources().mesh),
            direction: self.direction,
            mode: self.mode,
            // The filter does not need the rules of Azure: the command has checked them.
            profile: if self.profile == Profile::Strict { Profile::Strict } else { Profile::Compat },
            provider: self.provider.map(Provider::new),
            service: self.service.map(Service::from),
            accept_inexact: accepted.cloned().collect(),
            resources: self.resources(manifests),
            ..Config::new(workload.map_or(WorkloadSource::FromNode, WorkloadSource::Named))
        }
    }

    /// Returns the resources that the filter needs, in the order of their files.
    pub(super) fn resources(&self, manifests: &Manifests) -> Vec<Value> {
        let cluster = &manifests.cluster;
        let origins =
            if self.is_outbound() { network_policies(cluster) } else { self.mesh_policies(cluster) };
        let objects = manifests.sources.objects(origins).into_iter();
        let mut objects: Vec<Value> = objects.map(|object| trim(object.clone())).collect();
        objects.extend(named_providers(&cluster.resources().mesh, &objects));
        objects
    }

    /// Returns the AuthorizationPolicies of the workload's namespace, of the service's namespace and of the root
    /// namespace. The filter evaluates their selectors.
    fn mesh_policies<'c>(&self, cluster: &'c Cluster) -> Vec<&'c Origin> {
        let resources = cluster.resources();
        let root = &resources.mesh.root_namespace;
        let may_apply = |namespace: &str| {
            let of_service = self.service.is_some_and(|service| namespace == service.namespace);
            let of_workload = |workload: &Workload| namespace == workload.namespace || namespace == root;
            self.workload.is_none_or(of_workload) || of_service
        };
        let policies = resources.authorization_policies.iter();
        policies.filter(|policy| may_apply(&policy.metadata.namespace)).map(|policy| &policy.origin).collect()
    }
}

/// Returns the network policies, and the resources that they refer to.
fn network_policies(cluster: &Cluster) -> Vec<&Origin> {
    fn all<T>(objects: &[Object<T>]) -> impl Iterator<Item = &Origin> {
        objects.iter().map(|object| &object.origin)
    }
    let resources = cluster.resources();
    all(&resources.namespaces)
        .chain(all(&resources.services))
        .chain(all(&resources.network_policies))
        .chain(all(&resources.cilium_network_policies))
        .chain(all(&resources.cilium_clusterwide_network_policies))
        .chain(all(&resources.cluster_network_policies))
        .chain(all(&resources.cidr_groups))
        .collect()
}

/// Splits a configuration into one for CUSTOM policies and one for all others; a part without policies is `None`.
pub(super) fn split_custom(config: &Config) -> (Option<Config>, Option<Config>) {
    let is_custom = |object: &Value| object.pointer("/spec/action").is_some_and(|action| action == "CUSTOM");
    // The ConfigMap has the mesh settings of the providers.
    let is_settings = |object: &Value| object["kind"] == "ConfigMap";
    let part = |custom: bool| {
        let mut part = config.clone();
        let mut has_policies = false;
        for list in [&mut part.resources, &mut part.shadow_resources] {
            list.retain(|object| is_custom(object) == custom || is_settings(object) && custom);
            has_policies |= list.iter().any(|object| !is_settings(object));
        }
        has_policies.then_some(part)
    };
    (part(true), part(false))
}

/// Returns a mesh ConfigMap with the extension providers that `policies` name. The filter needs all their fields: it
/// denies what a policy with an invalid provider matches, and the type decides about connections.
fn named_providers(mesh: &MeshConfig, policies: &[Value]) -> Option<Value> {
    let names = policies.iter().filter_map(|policy| policy.pointer("/spec/provider/name")?.as_str());
    let names: BTreeSet<&str> = names.collect();
    let is_named = |provider: &&MeshProvider| names.contains(provider.name.as_str());
    let providers: Vec<&MeshProvider> = mesh.extension_providers.iter().filter(is_named).collect();
    (!providers.is_empty()).then(|| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": mesh.root_namespace},
            "data": {"mesh": json!({"extensionProviders": providers}).to_string()},
        })
    })
}

/// Removes the fields that only the API server and kubectl use.
fn trim(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    object
}
