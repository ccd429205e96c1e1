//! Tables of the objects that rules refer to: addresses of the cluster, Services, CiliumCIDRGroups.
//!
//! Each table is built when the first rule needs it, so that n policies that name n objects cost n lookups.

use crate::{
    cluster::{AddressGroup, Cluster, Workload, identity::K8S},
    ir::{Operator, Requirement, Selector},
    labels::{Label, Labels},
    matcher::CidrSet,
    net::parse_block,
    resource::{
        Object,
        kubernetes::{EndpointSlice, Node, Secret, Service},
    },
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::{cell::OnceCell, net::IpAddr};
use ipnet::IpNet;

/// Namespace and name.
type Name<'c> = (&'c str, &'c str);

/// Tables of the objects of one cluster.
#[derive(Debug)]
pub(crate) struct ClusterIndex<'c> {
    cluster: &'c Cluster,
    pods: OnceCell<ByAddress<'c, Workload>>,
    pod_ranges: OnceCell<PodRanges<'c>>,
    nodes: OnceCell<ByAddress<'c, Object<Node>>>,
    services: OnceCell<ByAddress<'c, Object<Service>>>,
    service_names: OnceCell<BTreeMap<Name<'c>, Vec<usize>>>,
    service_labels: OnceCell<LabelTable<'c>>,
    slices: OnceCell<BTreeMap<Name<'c>, Vec<&'c Object<EndpointSlice>>>>,
    secrets: OnceCell<BTreeMap<Name<'c>, &'c Object<Secret>>>,
    group_names: OnceCell<BTreeMap<&'c str, Vec<&'c AddressGroup>>>,
    group_labels: OnceCell<LabelTable<'c>>,
}

impl<'c> ClusterIndex<'c> {
    pub(crate) fn new(cluster: &'c Cluster) -> Self {
        Self {
            cluster,
            pods: OnceCell::new(),
            pod_ranges: OnceCell::new(),
            nodes: OnceCell::new(),
            services: OnceCell::new(),
            service_names: OnceCell::new(),
            service_labels: OnceCell::new(),
            slices: OnceCell::new(),
            secrets: OnceCell::new(),
            group_names: OnceCell::new(),
            group_labels: OnceCell::new(),
        }
    }

    /// Returns the pod with the lowest address in `net`. Pods in the network of their node do not count.
    pub(crate) fn pod_in(&self, net: IpNet) -> Option<&'c Workload> {
        let pods = || {
            let pods = self.cluster.workloads().filter(|pod| !pod.host_network);
            ByAddress::new(pods.flat_map(|pod| pod.ips.iter().map(move |ip| (*ip, pod))))
        };
        self.pods.get_or_init(pods).within(net)
    }

    /// Returns a pod range that overlaps `net`, and the node of that range.
    pub(crate) fn pod_range_in(&self, net: IpNet) -> Option<(&'c Object<Node>, &'c str)> {
        let ranges = || PodRanges::new(&self.cluster.resources().nodes);
        self.pod_ranges.get_or_init(ranges).sharing(net)
    }

    /// Returns the node with the lowest address in `net`.
    pub(crate) fn node_in(&self, net: IpNet) -> Option<&'c Object<Node>> {
        let nodes = || {
            let nodes = self.cluster.resources().nodes.iter();
            let addresses = nodes.flat_map(|node| node.spec.addresses.iter().map(move |text| (text, node)));
            ByAddress::new(addresses.filter_map(|(text, node)| Some((text.parse().ok()?, node))))
        };
        self.nodes.get_or_init(nodes).within(net)
    }

    /// Returns the Service with the lowest cluster address in `net`.
    pub(crate) fn service_in(&self, net: IpNet) -> Option<&'c Object<Service>> {
        let services = || {
            let services = self.cluster.resources().services.iter();
            let addresses = services.flat_map(|service| {
                let spec = &service.spec;
                core::iter::once(&spec.cluster_ip).chain(&spec.cluster_ips).map(move |text| (text, service))
            });
            ByAddress::new(addresses.filter_map(|(text, service)| Some((text.parse().ok()?, service))))
        };
        self.services.get_or_init(services).within(net)
    }

    /// The Services of this name, in `namespace` or, without one, in any.
    pub(crate) fn services_named(&self, name: &str, namespace: Option<&str>) -> Vec<&'c Object<Service>> {
        let names = || {
            let mut names: BTreeMap<Name<'c>, Vec<usize>> = BTreeMap::new();
            for (place, Object { metadata, .. }) in self.cluster.resources().services.iter().enumerate() {
                names.entry((&metadata.name, &metadata.namespace)).or_default().push(place);
            }
            names
        };
        let names = self.service_names.get_or_init(names);
        let mut places: Vec<usize> = match namespace {
            Some(namespace) => names.get(&(name, namespace)).into_iter().flatten().copied().collect(),
            None => {
                let from = names.range((name, "")..);
                from.take_while(|((own, _), _)| *own == name)
                    .flat_map(|(_, places)| places)
                    .copied()
                    .collect()
            }
        };
        places.sort_unstable();
        self.services_at(places)
    }

    /// The Services whose labels meet `selector`, in `namespace` or, without one, in any.
    pub(crate) fn services_labelled(
        &self,
        selector: &Selector,
        namespace: Option<&str>,
    ) -> Vec<&'c Object<Service>> {
        let labels = || {
            let services = self.cluster.resources().services.iter();
            LabelTable::new(services.map(|service| {
                let own = service.metadata.labels.iter();
                let own = own.map(|(key, value)| Label::new(K8S, key.as_str(), value.as_str()));
                (service.metadata.namespace.as_str(), own.collect())
            }))
        };
        self.services_at(self.service_labels.get_or_init(labels).find(&selector.requirements, namespace))
    }

    fn services_at(&self, places: Vec<usize>) -> Vec<&'c Object<Service>> {
        let services = &self.cluster.resources().services;
        places.into_iter().filter_map(|place| services.get(place)).collect()
    }

    /// The EndpointSlices of `service`.
    pub(crate) fn slices_of<'s>(&'s self, service: &'s Object<Service>) -> &'s [&'c Object<EndpointSlice>] {
        let slices = || {
            let mut slices: BTreeMap<Name<'c>, Vec<&'c Object<EndpointSlice>>> = BTreeMap::new();
            for slice in &self.cluster.resources().endpoint_slices {
                slices.entry((&slice.metadata.namespace, &slice.spec.service)).or_default().push(slice);
            }
            slices
        };
        let key = (service.metadata.namespace.as_str(), service.metadata.name.as_str());
        self.slices.get_or_init(slices).get(&key).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the first Secret with this namespace and name.
    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Option<&'c Object<Secret>> {
        let secrets = || {
            let mut secrets = BTreeMap::new();
            for secret in &self.cluster.resources().secrets {
                let key = (secret.metadata.namespace.as_str(), secret.metadata.name.as_str());
                secrets.entry(key).or_insert(secret);
            }
            secrets
        };
        self.secrets.get_or_init(secrets).get(&(namespace, name)).copied()
    }

    /// The CiliumCIDRGroups of this name.
    pub(crate) fn groups_named(&self, name: &str) -> &[&'c AddressGroup] {
        let names = || {
            let mut names: BTreeMap<&'c str, Vec<&'c AddressGroup>> = BTreeMap::new();
            for group in self.cluster.address_groups() {
                names.entry(&group.name).or_default().push(group);
            }
            names
        };
        self.group_names.get_or_init(names).get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The CiliumCIDRGroups whose labels meet `requirement`.
    pub(crate) fn groups_labelled(
        &self,
        requirement: &Requirement,
    ) -> impl Iterator<Item = &'c AddressGroup> {
        let groups = self.cluster.address_groups();
        let labels =
            || LabelTable::new(groups.iter().map(|group| ("", group.labels.iter().cloned().collect())));
        let labels = self.group_labels.get_or_init(labels);
        labels
            .find(core::slice::from_ref(requirement), None)
            .into_iter()
            .filter_map(|place| groups.get(place))
    }
}

/// Objects by their addresses, in order.
#[derive(Debug)]
struct ByAddress<'c, T>(Vec<(IpAddr, &'c T)>);

impl<'c, T> ByAddress<'c, T> {
    fn new(addresses: impl Iterator<Item = (IpAddr, &'c T)>) -> Self {
        let mut list: Vec<_> = addresses.collect();
        list.sort_by_key(|(ip, _)| *ip);
        Self(list)
    }

    fn within(&self, net: IpNet) -> Option<&'c T> {
        let first = self.0.partition_point(|(ip, _)| *ip < net.network());
        self.0.get(first).filter(|(ip, _)| net.contains(ip)).map(|(_, found)| *found)
    }
}

/// The pod ranges of nodes.
#[derive(Debug)]
struct PodRanges<'c> {
    /// In the order of their first addresses.
    list: Vec<(IpNet, &'c Object<Node>, &'c str)>,
    /// Places in `list`.
    set: CidrSet,
}

impl<'c> PodRanges<'c> {
    fn new(nodes: &'c [Object<Node>]) -> Self {
        let ranges = nodes.iter().flat_map(|node| node.spec.pod_cidrs.iter().map(move |text| (node, text)));
        let ranges = ranges.filter_map(|(node, text)| Some((parse_block(text)?, node, text.as_str())));
        let mut list: Vec<_> = ranges.collect();
        list.sort_by_key(|(net, ..)| (net.network(), net.prefix_len()));
        let set = CidrSet::new((0u32..).zip(&list).map(|(place, (net, ..))| (*net, place)));
        Self { list, set }
    }

    /// A range inside of `net`, or around it.
    fn sharing(&self, net: IpNet) -> Option<(&'c Object<Node>, &'c str)> {
        let inside = self.list.partition_point(|(range, ..)| range.network() < net.network());
        let inside = self.list.get(inside).filter(|(range, ..)| net.contains(&range.network()));
        let around = || self.list.get(self.set.find(net.network()).next()? as usize);
        inside.or_else(around).map(|(_, node, text)| (*node, *text))
    }
}

/// Places of objects by namespace, and by the keys and values of their labels.
#[derive(Debug)]
struct LabelTable<'c> {
    objects: Vec<(&'c str, Labels)>,
    by_namespace: BTreeMap<&'c str, Vec<usize>>,
    /// By namespace, key and value, and without a namespace by key and value.
    by_label: BTreeMap<(Option<&'c str>, String, String), Vec<usize>>,
}

impl<'c> LabelTable<'c> {
    fn new(objects: impl Iterator<Item = (&'c str, Labels)>) -> Self {
        let mut table =
            Self { objects: objects.collect(), by_namespace: BTreeMap::new(), by_label: BTreeMap::new() };
        for (place, (namespace, labels)) in table.objects.iter().enumerate() {
            table.by_namespace.entry(namespace).or_default().push(place);
            for label in labels.iter() {
                for namespace in [None, Some(*namespace)] {
                    let key = (namespace, label.key.clone(), label.value.clone());
                    table.by_label.entry(key).or_default().push(place);
                }
            }
        }
        table
    }

    /// The places of the objects in `namespace` that meet all of `requirements`, ascending.
    fn find(&self, requirements: &[Requirement], namespace: Option<&str>) -> Vec<usize> {
        let mut fewest: Option<Vec<&[usize]>> = None;
        let size = |lists: &[&[usize]]| lists.iter().map(|list| list.len()).sum::<usize>();
        let ways = requirements.iter().filter_map(|requirement| self.lists(requirement, namespace));
        let by_namespace =
            namespace.map(|name| Vec::from_iter(self.by_namespace.get(name).map(Vec::as_slice)));
        for lists in ways.chain(by_namespace) {
            if fewest.as_ref().is_none_or(|fewest| size(&lists) < size(fewest)) {
                fewest = Some(lists);
            }
        }
        let meets = |place: &usize| {
            self.objects.get(*place).is_some_and(|(own, labels)| {
                namespace.is_none_or(|namespace| namespace == *own)
                    && requirements.iter().all(|requirement| requirement.matches(labels))
            })
        };
        match fewest {
            None => (0..self.objects.len()).filter(meets).collect(),
            // An object can have a key from two sources, with a value each.
            Some(lists) => {
                let places: BTreeSet<usize> = lists.into_iter().flatten().copied().collect();
                places.into_iter().filter(meets).collect()
            }
        }
    }

    /// The places of all objects that can meet `requirement`, if it demands a label.
    fn lists<'s>(
        &'s self,
        requirement: &Requirement,
        namespace: Option<&'s str>,
    ) -> Option<Vec<&'s [usize]>> {
        match &requirement.operator {
            Operator::In(values) => {
                let list = |value: &str| {
                    let key = (namespace, String::from(&*requirement.key), String::from(value));
                    self.by_label.get(&key).map(Vec::as_slice)
                };
                Some(values.iter().filter_map(|value| list(value)).collect())
            }
            Operator::Exists => {
                let from = (namespace, String::from(&*requirement.key), String::new());
                let from = self.by_label.range(from..);
                let same =
                    from.take_while(|((own, key, _), _)| *own == namespace && **key == *requirement.key);
                Some(same.map(|(_, places)| places.as_slice()).collect())
            }
            Operator::NotIn(_) | Operator::DoesNotExist => None,
        }
    }
}
