//! The plugin configuration: the objects as their files have them, and whom they are for.

use super::set;
use crate::failure::Failure;
use palisade::{
    CalledService, Cluster, MeshRole, Origin, Workload, manifest,
    resource::{
        Object,
        istio::{MeshConfig, PathNormalization, Provider},
    },
};
use palisade_cases::Manifests;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the configuration is to say beside the policies.
pub(super) struct Wanted<'a> {
    /// None: each proxy asks its node.
    pub(super) workload: Option<&'a Workload>,
    /// The service that a waypoint is called for.
    pub(super) service: Option<CalledService<'a>>,
    pub(super) outbound: bool,
    pub(super) shadow_mode: bool,
    pub(super) strict: bool,
    pub(super) provider: Option<&'a str>,
    /// Policies that are accepted although the filter cannot enforce them exactly.
    pub(super) accepted: BTreeSet<String>,
}

impl Wanted<'_> {
    /// The plugin configuration.
    pub(super) fn configuration(&self, manifests: &Manifests) -> Result<Value, Failure> {
        let mesh = &manifests.cluster.resources().mesh;
        let workload = self.workload.map_or(json!("fromNode"), |workload| {
            let mut identity = json!({
                "namespace": workload.namespace,
                "labels": workload.labels,
                "serviceAccount": workload.service_account,
            });
            if matches!(workload.role, MeshRole::Waypoint(_)) {
                set(&mut identity, "role", "waypoint".into());
            }
            identity
        });
        let mut configuration = json!({
            "workload": workload,
            "mesh": {
                "rootNamespace": mesh.root_namespace,
                "trustDomain": mesh.trust_domain,
                "trustDomainAliases": mesh.trust_domain_aliases,
                "pathNormalization": match mesh.path_normalization {
                    PathNormalization::None => "NONE",
                    PathNormalization::Base => "BASE",
                    PathNormalization::MergeSlashes => "MERGE_SLASHES",
                    PathNormalization::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
                },
            },
            "direction": if self.outbound { "outbound" } else { "inbound" },
            "mode": if self.shadow_mode { "shadow" } else { "enforce" },
            "profile": if self.strict { "strict" } else { "compat" },
            "resources": self.resources(manifests)?,
        });
        if let Some(cluster) = self.provider {
            set(
                &mut configuration,
                "provider",
                json!({"cluster": cluster, "path": "/", "timeoutMs": 250, "failOpen": false}),
            );
        }
        if let Some(service) = self.service {
            let CalledService { namespace, name, kind } = service;
            set(&mut configuration, "service", json!({"namespace": namespace, "name": name, "kind": kind}));
        }
        let accepted =
            self.accepted.iter().filter(|name| name.starts_with("AuthorizationPolicy/") != self.outbound);
        let accepted: Vec<&String> = accepted.collect();
        if !accepted.is_empty() {
            set(&mut configuration, "acceptInexact", json!(accepted));
        }
        Ok(configuration)
    }

    /// The objects that the filter needs, in the order of their files.
    pub(super) fn resources(&self, manifests: &Manifests) -> Result<Vec<Value>, Failure> {
        let origins =
            if self.outbound { self.network(&manifests.cluster) } else { self.mesh(&manifests.cluster) };
        let mut files: BTreeMap<&str, Vec<&Origin>> = BTreeMap::new();
        for origin in origins {
            files.entry(origin.file.as_deref().unwrap_or_default()).or_default().push(origin);
        }
        let mut objects = Vec::new();
        for (file, origins) in files {
            let text = manifests.sources.text(file).ok_or_else(|| {
                let help = "leave the manifests unchanged while the command runs";
                Failure::argument(format!("cannot read `{file}` again"), help)
            })?;
            let (documents, _) = manifest::documents(file, &text);
            let origins: BTreeSet<(u32, &str)> =
                origins.into_iter().map(|origin| (origin.document, origin.item.as_str())).collect();
            let wanted = |document: &manifest::Document| {
                origins.contains(&(document.origin.document, document.origin.item.as_str()))
            };
            objects.extend(documents.into_iter().filter(wanted).map(|document| trimmed(document.value)));
        }
        objects.extend(named_providers(&manifests.cluster.resources().mesh, &objects));
        Ok(objects)
    }

    /// AuthorizationPolicies of the workload's namespace and of the root namespace; those select by themselves.
    fn mesh<'c>(&self, cluster: &'c Cluster) -> Vec<&'c Origin> {
        let resources = cluster.resources();
        let root = &resources.mesh.root_namespace;
        let concerns = |namespace: &str| {
            let of_service = self.service.is_some_and(|service| namespace == service.namespace);
            let own = |workload: &Workload| namespace == workload.namespace || namespace == root;
            self.workload.is_none_or(own) || of_service
        };
        let policies = resources.authorization_policies.iter();
        policies.filter(|policy| concerns(&policy.metadata.namespace)).map(|policy| &policy.origin).collect()
    }

    /// Network policies, and what they refer to.
    fn network<'c>(&self, cluster: &'c Cluster) -> Vec<&'c Origin> {
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
}

/// The configuration for CUSTOM policies, and that for all others.
pub(super) fn split_custom(configuration: &Value) -> (Option<Value>, Option<Value>) {
    let is_custom = |object: &Value| object.pointer("/spec/action").is_some_and(|action| action == "CUSTOM");
    let part = |custom: bool| {
        let mut part = configuration.clone();
        let mut is_empty = true;
        for field in ["resources", "shadowResources"] {
            if let Some(list) = part.get_mut(field).and_then(Value::as_array_mut) {
                // The mesh settings name the providers.
                list.retain(|object| is_custom(object) == custom || object["kind"] == "ConfigMap" && custom);
                is_empty &= !list.iter().any(|object| object["kind"] != "ConfigMap");
            }
        }
        (!is_empty).then_some(part)
    };
    (part(true), part(false))
}

/// Returns a mesh ConfigMap with the extension providers that `policies` name, whole: the filter denies what a policy
/// with an unusable provider matches, as istiod does, and the type decides whether a provider guards TCP.
fn named_providers(mesh: &MeshConfig, policies: &[Value]) -> Option<Value> {
    let names = policies.iter().filter_map(|policy| policy.pointer("/spec/provider/name")?.as_str());
    let names: BTreeSet<&str> = names.collect();
    let is_named = |provider: &&Provider| names.contains(provider.name.as_str());
    let providers: Vec<&Provider> = mesh.extension_providers.iter().filter(is_named).collect();
    (!providers.is_empty()).then(|| {
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "istio", "namespace": mesh.root_namespace},
            "data": {"mesh": json!({"extensionProviders": providers}).to_string()},
        })
    })
}

/// The object without what only the API server and kubectl care for.
fn trimmed(mut object: Value) -> Value {
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
