//! `toServices`: the pods behind Services (`spec/cilium.md` 2.3).

use super::{
    Findings,
    peer::Scope,
    selector::{Keys, equals, selector},
};
use crate::{
    cluster::identity::{K8S, NAMESPACE},
    ir::{Attribute, Clause, Pattern, Requirement, Selector, Test},
    labels::{Label, Labels},
    resource::{Object, cilium::ServicePeer, kubernetes::Service},
};
use alloc::{format, vec::Vec};

/// One clause for all Services found; none where there is none.
pub(super) fn clauses(
    list: &[ServicePeer],
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Vec<Clause> {
    let mut patterns = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}[{i}]");
        let mut add = |found: &mut dyn Iterator<Item = &Object<Service>>| {
            let before = patterns.len();
            patterns.extend(found.map(pods).map(Pattern::Labels));
            patterns.len() > before
        };
        let services = &scope.cluster.resources().services;
        let mut found = false;
        if let Some(by_name) = &item.k8s_service {
            let name = by_name.service_name.as_deref().unwrap_or_default();
            found |= add(&mut services.iter().filter(|s| {
                s.metadata.name == name && in_namespace(s, by_name.namespace.as_deref()) && has_pods(s)
            }));
        }
        if let Some(by_label) = &item.k8s_service_selector {
            let labels = by_label.selector.clone().unwrap_or_default();
            let labels =
                selector(&labels, Keys::Any, "", &format!("{at}.k8sServiceSelector.selector"), findings);
            found |= add(&mut services.iter().filter(|s| {
                in_namespace(s, by_label.namespace.as_deref()) && has_pods(s) && labels.matches(&labels_of(s))
            }));
        }
        if !found {
            let help = "add the Service and its pods to the manifests; with `toPorts` the entry opens (or, in \
                        egressDeny, closes) these ports for every destination as long as the Service is unknown";
            findings.warn("unknown-service", &at, "no such Service is known", help);
        }
    }
    if patterns.is_empty() {
        return Vec::new();
    }
    Vec::from([Clause { tests: Vec::from([Test::any_of(Attribute::PeerLabels, patterns)]), index: 0 }])
}

fn has_pods(service: &Object<Service>) -> bool {
    !service.spec.selector.is_empty()
}

fn in_namespace(service: &Object<Service>, namespace: Option<&str>) -> bool {
    namespace.is_none_or(|n| n.is_empty() || n == service.metadata.namespace)
}

fn labels_of(service: &Object<Service>) -> Labels {
    service.metadata.labels.iter().map(|(k, v)| Label::new(K8S, k.as_str(), v.as_str())).collect()
}

/// The pods that `service` selects.
fn pods(service: &Object<Service>) -> Selector {
    let own = service.spec.selector.iter();
    let own = own.map(|(key, value)| Requirement {
        source: None,
        key: key.as_str().into(),
        operator: equals(value),
    });
    let mut pods = Selector { requirements: own.collect() };
    pods.require(K8S, NAMESPACE, equals(&service.metadata.namespace));
    pods
}
