//! `toServices`: the pods and addresses of Services (docs/semantics/cilium.md#cilium-service-pods).

use super::{
    fault::Faults,
    scope::{Scope, local_cluster},
    selector::{Keys, equals, selector},
};
use crate::{
    cluster::identity::{K8S, NAMESPACE},
    ir::{AddressAttribute, Clause, Requirement, Selector, Test},
    options::CiliumVersion,
    resource::{
        Object,
        cilium::ServicePeer,
        kubernetes::{Backend, Service},
    },
};
use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

/// Returns the clauses of the Services that `list` selects: the pods of those with a selector, and the backends of the
/// others as blocks of one address. Without a backend there is no clause.
pub(super) fn clauses(
    list: &[ServicePeer],
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Vec<Clause> {
    let (mut pods, mut backends) = (Vec::new(), Vec::new());
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        for service in matching(item, &at, scope, faults) {
            if !service.spec.selector.is_empty() {
                pods.push(selected(service, scope));
                continue;
            }
            let addresses = addresses(service, scope);
            backends.extend(addresses.into_iter().map(IpNet::from));
        }
    }
    let pods = (!pods.is_empty()).then(|| Test::labels(pods));
    let backends = (!backends.is_empty()).then(|| Test::address(AddressAttribute::Peer, backends));
    pods.into_iter().chain(backends).map(|test| Clause { tests: Vec::from([test]), index: 0 }).collect()
}

/// Returns the Services that `item` selects. If `item` has a label selector, the agent ignores its name.
pub(crate) fn matching<'a>(
    item: &ServicePeer,
    path: &str,
    scope: &Scope<'a>,
    faults: &mut Faults,
) -> Vec<&'a Object<Service>> {
    if let Some(by_label) = &item.k8s_service_selector {
        let labels = by_label.selector.clone().unwrap_or_default();
        let path = format!("{path}.k8sServiceSelector.selector");
        let labels = selector(&labels, Keys::Any, "", &path, faults);
        return scope.index.services_labelled(&labels, given(&by_label.namespace));
    }
    let Some(by_name) = &item.k8s_service else { return Vec::new() };
    let name = by_name.service_name.as_deref().unwrap_or_default();
    scope.index.services_named(name, given(&by_name.namespace))
}

/// Returns the addresses of the EndpointSlices of `service`, of the families that the cluster uses.
///
/// Since Cilium 1.18 every endpoint of a slice with ports is a backend, also one that is not ready. Before, only those
/// that are ready or serve were, whatever the ports.
pub(crate) fn addresses(service: &Object<Service>, scope: &Scope<'_>) -> Vec<IpAddr> {
    let all_states = scope.options.cilium.version >= CiliumVersion::V1_18;
    let counts = |backend: &&Backend| if all_states { backend.has_port } else { backend.serves };
    let slices = scope.index.slices_of(service).iter();
    let all = slices.flat_map(|slice| &slice.spec.backends).filter(counts).map(|backend| backend.address);
    all.filter(|ip| scope.options.cilium.ipv6 || ip.is_ipv4()).collect()
}

/// Returns `namespace` unless it is empty.
fn given(namespace: &Option<String>) -> Option<&str> {
    namespace.as_deref().filter(|namespace| !namespace.is_empty())
}

/// Returns the selector of the pods of `service`: that of an item of `toEndpoints` with the same labels.
fn selected(service: &Object<Service>, scope: &Scope<'_>) -> Selector {
    let own = service.spec.selector.iter();
    let own = own.map(|(key, value)| Requirement {
        source: None,
        key: key.as_str().into(),
        operator: equals(value),
    });
    let mut pods = Selector { requirements: own.collect() };
    pods.require(K8S, NAMESPACE, equals(&service.metadata.namespace));
    local_cluster(&mut pods, scope);
    pods
}
