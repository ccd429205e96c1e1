//! The policies that apply to a workload (docs/semantics/istio.md#istio-attachment).

use crate::{
    cluster::{CalledService, MeshRole, WAYPOINT_CLASS, Workload},
    options::Options,
    resource::istio::{TargetRef, WorkloadSelector},
};
use alloc::{collections::BTreeMap, string::String, vec::Vec};

/// A proxy to which policies can apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) root_namespace: &'a str,
    pub(crate) service: Option<CalledService<'a>>,
    pub(crate) selector_on_gateway_api: bool,
}

impl<'a> Target<'a> {
    /// Returns the proxy of `workload`.
    pub(crate) fn new(workload: &'a Workload, root_namespace: &'a str, options: &Options) -> Self {
        let selector_on_gateway_api = options.istio.selector_on_gateway_api;
        Self { workload, root_namespace, service: None, selector_on_gateway_api }
    }

    /// Returns the proxy as called for `service`.
    #[must_use]
    pub(crate) fn called(self, service: Option<CalledService<'a>>) -> Self {
        Self { service, ..self }
    }

    /// Returns whether a policy of `namespace` applies.
    pub(crate) fn applies(
        &self,
        namespace: &str,
        selector: &Option<WorkloadSelector>,
        target_ref: &Option<TargetRef>,
        target_refs: &Option<Vec<TargetRef>>,
    ) -> bool {
        let own = namespace == self.root_namespace || namespace == self.workload.namespace;
        let called = self.service.is_some_and(|s| s.namespace == namespace);
        let waypoint = matches!(self.workload.role, MeshRole::Waypoint(_));
        if !(own || waypoint && called) {
            return false;
        }
        let refs = references(target_ref, target_refs);
        match (&self.workload.role, refs.is_empty()) {
            (MeshRole::Proxy, true) => self.selected(selector),
            (MeshRole::Proxy, false) | (MeshRole::Waypoint(_), true) => false,
            (MeshRole::GatewayApi(_), true) => self.selector_on_gateway_api && self.selected(selector),
            (_, false) => refs.iter().any(|r| self.is_referred(namespace, r)),
        }
    }

    fn selected(&self, selector: &Option<WorkloadSelector>) -> bool {
        let labels = selector.as_ref().and_then(|s| s.match_labels.as_ref());
        labels.is_none_or(|labels| self.workload.has_labels(labels))
    }

    fn is_referred(&self, namespace: &str, target: &TargetRef) -> bool {
        let own_namespace = namespace == self.workload.namespace
            && target.namespace.as_deref().is_none_or(|n| n.is_empty() || n == namespace);
        match (&self.workload.role, target.parts()) {
            (
                MeshRole::GatewayApi(gateway) | MeshRole::Waypoint(gateway),
                ("gateway.networking.k8s.io", "Gateway", name),
            ) => own_namespace && name == gateway,
            (MeshRole::Waypoint(_), ("gateway.networking.k8s.io", "GatewayClass", WAYPOINT_CLASS)) => {
                namespace == self.root_namespace
            }
            (MeshRole::Waypoint(_), ("" | "core", "Service", name)) => {
                self.is_called(namespace, CalledService::SERVICE, name)
            }
            (MeshRole::Waypoint(_), ("networking.istio.io", "ServiceEntry", name)) => {
                self.is_called(namespace, CalledService::SERVICE_ENTRY, name)
            }
            _ => false,
        }
    }

    fn is_called(&self, namespace: &str, kind: &str, name: &str) -> bool {
        self.service.is_some_and(|s| s.kind == kind && s.name == name && s.namespace == namespace)
    }
}

/// Returns the targets of a policy: `targetRefs`, or else the older `targetRef`.
pub(crate) fn references<'p>(
    target_ref: &'p Option<TargetRef>,
    target_refs: &'p Option<Vec<TargetRef>>,
) -> Vec<&'p TargetRef> {
    match target_refs.as_deref() {
        Some(refs) if !refs.is_empty() => refs.iter().collect(),
        _ => target_ref.iter().collect(),
    }
}

/// Returns whether `selector` is absent or empty, so that it selects every workload.
pub(crate) fn selects_all(selector: &Option<WorkloadSelector>) -> bool {
    selector.as_ref().and_then(|s| s.match_labels.as_ref()).is_none_or(BTreeMap::<String, String>::is_empty)
}
