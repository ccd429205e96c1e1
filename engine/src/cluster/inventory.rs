//! The resources of a cluster, with indexes by name and address.

use super::{
    group::AddressGroup,
    workload::{MeshRole, WAYPOINT_CLASS, Workload},
};
use crate::{
    diagnostic::Diagnostic,
    namespaced_name::NamespacedName,
    resource::{Metadata, Object, Resources, kubernetes::Service},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::net::IpAddr;

/// The resources of a cluster, with its workloads, namespaces, services and addresses.
///
/// ```
/// use palisade::{Options, Policies};
///
/// let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod",
///     "metadata": {"name": "sleep", "namespace": "foo", "labels": {"app": "sleep"}}});
/// let policies = Policies::from_json(pod)?.validate(&Options::default())?;
/// assert_eq!(policies.cluster().workload("foo/sleep").unwrap().service_account, "default");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    resources: Resources,
    workloads: BTreeMap<(String, String), Workload>,
    namespaces: BTreeMap<String, Metadata>,
    by_ip: BTreeMap<IpAddr, (String, String)>,
    address_groups: Vec<AddressGroup>,
    /// The index of each Service by namespace and name. Of several with one name, the first is used.
    services: BTreeMap<(String, String), usize>,
    /// The index of each Service by its cluster addresses, as written.
    services_by_address: BTreeMap<String, usize>,
}

impl Cluster {
    /// Returns the cluster of `resources`, and a warning for each duplicate resource. The first one is used.
    #[doc(hidden)]
    pub fn new(resources: Resources) -> (Self, Vec<Diagnostic>) {
        let mut findings = Vec::new();
        let mut cluster = Self::default();
        let gateways = resources.gateway_api.iter();
        let waypoints = gateways.filter(|gateway| gateway.spec.gateway_class_name == WAYPOINT_CLASS);
        let waypoints: BTreeSet<(&str, &str)> =
            waypoints.map(|Object { metadata, .. }| (&*metadata.namespace, &*metadata.name)).collect();
        for object in &resources.pods {
            let mut workload = Workload::from_pod(object);
            if let MeshRole::GatewayApi(name) = &workload.role
                && waypoints.contains(&(&*workload.namespace, &**name))
            {
                workload.role = MeshRole::Waypoint(name.clone());
            }
            let key = (workload.namespace.clone(), workload.name.clone());
            if cluster.workloads.contains_key(&key) {
                findings.push(duplicate(object));
                continue;
            }
            if !workload.host_network {
                for ip in &workload.ips {
                    cluster.by_ip.entry(*ip).or_insert_with(|| key.clone());
                }
            }
            cluster.workloads.insert(key, workload);
        }
        for object in &resources.namespaces {
            if cluster.namespaces.contains_key(&object.metadata.name) {
                findings.push(duplicate(object));
                continue;
            }
            cluster.namespaces.insert(object.metadata.name.clone(), object.metadata.clone());
        }
        cluster.address_groups = resources.cidr_groups.iter().map(AddressGroup::new).collect();
        for (index, Object { metadata, spec, .. }) in resources.services.iter().enumerate() {
            let key = (metadata.namespace.clone(), metadata.name.clone());
            cluster.services.entry(key).or_insert(index);
            for address in core::iter::once(&spec.cluster_ip).chain(&spec.cluster_ips) {
                cluster.services_by_address.entry(address.clone()).or_insert(index);
            }
        }
        cluster.resources = resources;
        (cluster, findings)
    }

    /// Returns the resources.
    #[doc(hidden)]
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Returns the CiliumCIDRGroups.
    pub(crate) fn address_groups(&self) -> &[AddressGroup] {
        &self.address_groups
    }

    /// Returns the workload `namespace/name`.
    pub fn workload(&self, reference: &str) -> Option<&Workload> {
        let (namespace, name) = NamespacedName::split(reference)?;
        self.workloads.get(&(namespace.to_string(), name.to_string()))
    }

    /// Returns all workloads in the order of namespace and name.
    pub fn workloads(&self) -> impl Iterator<Item = &Workload> {
        self.workloads.values()
    }

    /// Returns the workload with the address `ip`.
    pub fn workload_at(&self, ip: IpAddr) -> Option<&Workload> {
        self.by_ip.get(&ip).and_then(|key| self.workloads.get(key))
    }

    /// Returns the metadata of a namespace, if there is a manifest.
    pub fn namespace(&self, name: &str) -> Option<&Metadata> {
        self.namespaces.get(name)
    }

    /// Returns the Service `namespace/name`.
    pub fn service(&self, reference: &str) -> Option<&Object<Service>> {
        let (namespace, name) = NamespacedName::split(reference)?;
        let index = self.services.get(&(namespace.to_string(), name.to_string()))?;
        self.resources.services.get(*index)
    }

    /// Returns the Service with the cluster address `ip`.
    pub(crate) fn service_at(&self, ip: IpAddr) -> Option<&Object<Service>> {
        let index = self.services_by_address.get(&ip.to_string())?;
        self.resources.services.get(*index)
    }

    /// Returns the workloads that `service` selects.
    pub fn endpoints<'a>(&'a self, service: &'a Object<Service>) -> impl Iterator<Item = &'a Workload> {
        let (selector, namespace) = (&service.spec.selector, &service.metadata.namespace);
        let of_namespace = self.workloads.range((namespace.clone(), String::new())..);
        let of_namespace = of_namespace.map(|(_, w)| w).take_while(move |w| w.namespace == *namespace);
        of_namespace.filter(move |w| !selector.is_empty() && w.has_labels(selector))
    }

    /// Returns whether the proxy of `workload` is a gateway: of the Gateway API, selected by an Istio Gateway, or
    /// injected with the gateway template.
    pub fn is_gateway(&self, workload: &Workload) -> bool {
        let selects =
            |selector: &BTreeMap<String, String>| !selector.is_empty() && workload.has_labels(selector);
        workload.role != MeshRole::Proxy
            || workload.is_injected_gateway()
            || self.resources.gateways.iter().any(|gateway| selects(&gateway.spec.selector))
    }

    /// Returns whether a sidecar is injected. The annotation or label `sidecar.istio.io/inject` of the pod decides, or
    /// else the label `istio-injection` or a revision label of its namespace.
    pub fn in_mesh(&self, workload: &Workload) -> bool {
        const INJECT: &str = "sidecar.istio.io/inject";
        let own = workload.labels.get(INJECT).or_else(|| workload.annotations.get(INJECT));
        if let Some(own) = own {
            return own == "true";
        }
        if workload.host_network {
            return false;
        }
        let namespace = self.namespace(&workload.namespace);
        let labels = namespace.map(|n| &n.labels);
        match labels.and_then(|l| l.get("istio-injection")) {
            Some(value) => value == "enabled",
            None => labels.is_some_and(|l| l.contains_key("istio.io/rev")),
        }
    }
}

fn duplicate<T>(object: &Object<T>) -> Diagnostic {
    let title = object.title();
    Diagnostic::warning("given-twice", format!("{title} is given twice; the first is used"))
        .help("remove one of the two")
        .of(title, &object.origin)
}
