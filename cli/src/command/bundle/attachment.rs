//! The proxies and listeners that istiod attaches an extension to.
//!
//! These rules are those of istiod 1.31:
//!
//! - Listeners of a gateway have the class Gateway, which a WasmPlugin matches as `CLIENT` and an EnvoyFilter as
//!   `GATEWAY`.
//! - Sidecars and waypoints have inbound listeners, which match as `SERVER` and `SIDECAR_INBOUND`.
//! - A waypoint ignores resources without `targetRefs`.
//! - A gateway of the Gateway API accepts `targetRefs` and, with a feature flag that is on by default, selectors.

use crate::failure::Failure;
use palisade::{CalledService, Cluster, MeshRole, Options, Workload, enforcement};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One resource of Istio: its name, its namespace, and the proxies that it attaches to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) target: Target,
    pub(super) listeners: Vec<ListenerClass>,
}

/// The way in which a resource selects its proxies.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// Every proxy that accepts resources without `targetRefs`.
    All,
    /// The labels of the Pods.
    Labels(BTreeMap<String, String>),
    /// A Gateway, GatewayClass, Service or ServiceEntry.
    Reference(Value),
}

/// A class of listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListenerClass {
    SidecarInbound,
    SidecarOutbound,
    Gateway,
    Waypoint,
}

impl ListenerClass {
    /// Returns `match.mode` of a WasmPlugin.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::SidecarInbound | Self::Waypoint => "SERVER",
            Self::SidecarOutbound | Self::Gateway => "CLIENT",
        }
    }

    /// Returns `match.context` of an EnvoyFilter.
    pub(super) fn context(self) -> &'static str {
        match self {
            Self::SidecarInbound | Self::Waypoint => "SIDECAR_INBOUND",
            Self::SidecarOutbound => "SIDECAR_OUTBOUND",
            Self::Gateway => "GATEWAY",
        }
    }

    /// Returns the listener that an EnvoyFilter must name. The outer listener of a waypoint has tunnels, not requests.
    pub(super) fn listener(self) -> Option<&'static str> {
        (self == Self::Waypoint).then_some("main_internal")
    }
}

/// The attachments of one bundle.
#[derive(Debug)]
pub(super) struct Attachments {
    /// The attachments of WasmPlugins.
    pub(super) plugins: Vec<Attachment>,
    /// The attachments of EnvoyFilters.
    pub(super) filters: Vec<Attachment>,
}

impl Attachments {
    /// Returns the attachments to the proxy of `workload`.
    pub(super) fn of_workload(
        cluster: &Cluster,
        workload: &Workload,
        service: Option<CalledService<'_>>,
        outbound: bool,
        options: &Options,
    ) -> Result<Self, Failure> {
        let attachment = |target, listener| Attachment {
            name: format!("palisade-{}", workload.name),
            namespace: workload.namespace.clone(),
            target,
            listeners: vec![listener],
        };
        let own = match &workload.role {
            MeshRole::Waypoint(name) => {
                let gateway = attachment(gateway(name), ListenerClass::Waypoint);
                let plugin = match service {
                    None => gateway.clone(),
                    Some(service) => Attachment {
                        name: format!("{}-{}", gateway.name, service.name),
                        namespace: service.namespace.to_owned(),
                        target: service_reference(service),
                        listeners: vec![ListenerClass::Waypoint],
                    },
                };
                return Ok(Self { plugins: vec![plugin], filters: vec![gateway] });
            }
            MeshRole::GatewayApi(name) => attachment(gateway(name), ListenerClass::Gateway),
            MeshRole::Proxy => {
                let labels = Target::Labels(selector(cluster, workload, options)?);
                match (cluster.is_gateway(workload), outbound) {
                    (true, _) => attachment(labels, ListenerClass::Gateway),
                    (false, false) => attachment(labels, ListenerClass::SidecarInbound),
                    (false, true) => attachment(labels, ListenerClass::SidecarOutbound),
                }
            }
        };
        Ok(Self { plugins: vec![own.clone()], filters: vec![own] })
    }

    /// Returns the attachments to every proxy of the mesh.
    pub(super) fn of_mesh(cluster: &Cluster, outbound: bool) -> Self {
        let root = &cluster.resources().mesh.root_namespace;
        let attachment = |name: &str, namespace: &str, target, listeners| Attachment {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            target,
            listeners,
        };
        if outbound {
            let all = attachment("palisade", root, Target::All, vec![ListenerClass::SidecarOutbound]);
            return Self { plugins: vec![all.clone()], filters: vec![all] };
        }
        let all = |listeners| attachment("palisade", root, Target::All, listeners);
        let mut plugins = vec![all(vec![ListenerClass::SidecarInbound])];
        let mut filters = vec![all(vec![ListenerClass::SidecarInbound, ListenerClass::Gateway])];
        // A WasmPlugin in mode CLIENT also attaches to outbound listeners of sidecars, so each gateway has a separate one.
        let mut gateways: Vec<Attachment> = Vec::new();
        for (namespace, name) in gateways_of_gateway_api(cluster) {
            gateways.push(attachment(
                &format!("palisade-gateway-{name}"),
                &namespace,
                gateway(&name),
                vec![ListenerClass::Gateway],
            ));
        }
        for (name, labels) in classic_gateways(cluster) {
            let target = Target::Labels(labels);
            if !gateways.iter().any(|known| known.target == target) {
                let name = format!("palisade-gateway-{name}");
                gateways.push(attachment(&name, root, target, vec![ListenerClass::Gateway]));
            }
        }
        plugins.extend(gateways);
        if has_waypoints(cluster) {
            let class = json!({
                "group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint",
            });
            let waypoints = attachment(
                "palisade-waypoints",
                root,
                Target::Reference(class),
                vec![ListenerClass::Waypoint],
            );
            plugins.push(waypoints.clone());
            filters.push(waypoints);
        }
        Self { plugins, filters }
    }
}

fn gateway(name: &str) -> Target {
    Target::Reference(json!({"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name}))
}

fn service_reference(service: CalledService<'_>) -> Target {
    let group = if service.kind == CalledService::SERVICE { "" } else { "networking.istio.io" };
    Target::Reference(json!({"group": group, "kind": service.kind, "name": service.name}))
}

/// Returns the gateways of the Gateway API without waypoints, by namespace and name.
fn gateways_of_gateway_api(cluster: &Cluster) -> Vec<(String, String)> {
    let objects = cluster.resources().gateway_api.iter();
    let objects = objects.filter(|gateway| gateway.spec.gateway_class_name != "istio-waypoint");
    let objects = objects.map(|gateway| (gateway.metadata.namespace.clone(), gateway.metadata.name.clone()));
    let pods = cluster.workloads().filter_map(|workload| match &workload.role {
        MeshRole::GatewayApi(name) => Some((workload.namespace.clone(), name.clone())),
        MeshRole::Proxy | MeshRole::Waypoint(_) => None,
    });
    let mut all: Vec<_> = objects.chain(pods).collect();
    all.sort();
    all.dedup();
    all
}

/// Returns the selectors of classic gateways: those of Istio's Gateways, which select in every namespace, and those of
/// injected Pods that no Gateway of the manifests selects.
fn classic_gateways(cluster: &Cluster) -> Vec<(String, BTreeMap<String, String>)> {
    let objects = cluster.resources().gateways.iter().filter(|gateway| !gateway.spec.selector.is_empty());
    let mut all: Vec<_> =
        objects.map(|gateway| (gateway.metadata.name.clone(), gateway.spec.selector.clone())).collect();
    for workload in cluster.workloads() {
        let is_gateway = workload.role == MeshRole::Proxy && cluster.is_gateway(workload);
        if is_gateway && !all.iter().any(|(_, labels)| workload.has_labels(labels)) {
            all.push((workload.name.clone(), stable_labels(cluster, workload)));
        }
    }
    all
}

fn has_waypoints(cluster: &Cluster) -> bool {
    let is_waypoint = |workload: &Workload| matches!(workload.role, MeshRole::Waypoint(_));
    let mut gateways = cluster.resources().gateway_api.iter();
    cluster.workloads().any(is_waypoint)
        || gateways.any(|gateway| gateway.spec.gateway_class_name == "istio-waypoint")
}

/// Returns labels that select the Pods of `workload`, and no workload with other policies.
fn selector(
    cluster: &Cluster,
    workload: &Workload,
    options: &Options,
) -> Result<BTreeMap<String, String>, Failure> {
    let labels = stable_labels(cluster, workload);
    let name = format!("{}/{}", workload.namespace, workload.name);
    if labels.is_empty() {
        return Err(Failure::argument(
            format!("`{name}` has no labels, so a selector would match every workload of the namespace"),
            "add a label to its pods",
        ));
    }
    let policies = |workload| enforcement::applicable_policies(cluster, workload, None, options);
    let mine = policies(workload);
    let mut others = cluster.workloads().filter(|other| {
        other.namespace == workload.namespace && other.name != workload.name && other.has_labels(&labels)
    });
    match others.find(|other| policies(other) != mine) {
        None => Ok(labels),
        Some(other) => Err(Failure::argument(
            format!(
                "the selector of `{name}` also selects `{}/{}`, which has other policies",
                other.namespace, other.name
            ),
            "give the pods of the two workloads different labels, or bundle with --from-node",
        )),
    }
}

/// Returns the selector of the controller of `workload`, or its labels without those that change with every rollout.
fn stable_labels(cluster: &Cluster, workload: &Workload) -> BTreeMap<String, String> {
    let mut owners = cluster.workloads().filter(|owner| {
        owner.namespace == workload.namespace
            && !owner.owner_selector.is_empty()
            && workload.has_labels(&owner.owner_selector)
    });
    let owner = if workload.owner_selector.is_empty() { owners.next() } else { Some(workload) };
    if let Some(owner) = owner {
        return owner.owner_selector.clone();
    }
    let stable = workload.labels.iter().filter(|(key, _)| !GENERATED.contains(&key.as_str()));
    stable.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Labels that a controller or Istio's injector sets.
const GENERATED: [&str; 14] = [
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/job-completion-index",
    "istio.io/rev",
    "security.istio.io/tlsMode",
    "service.istio.io/canonical-name",
    "service.istio.io/canonical-revision",
];
