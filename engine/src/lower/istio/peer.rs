//! The effective PeerAuthentication of one workload (docs/semantics/istio.md#istio-peer-scopes).

use super::attachment::selects_all;
use crate::{
    cluster::{Cluster, Workload},
    ir::{PeerLayer, PeerMode},
    resource::{
        Object,
        istio::{MutualTls, MutualTlsMode, PeerAuthenticationSpec},
    },
    rule_id::PolicyRef,
};
use alloc::{collections::BTreeMap, sync::Arc};

type Policy = Object<PeerAuthenticationSpec>;

/// Returns the mutual TLS modes of `workload`. In each scope only the oldest PeerAuthentication applies, and UNSET
/// inherits.
pub(crate) fn peer(cluster: &Cluster, workload: &Workload) -> PeerLayer {
    let resources = cluster.resources();
    let root = &resources.mesh.root_namespace;
    let oldest = |applies: &dyn Fn(&Policy) -> bool| {
        resources.peer_authentications.iter().filter(|p| applies(p)).min_by_key(|p| {
            let m = &p.metadata;
            (m.creation_timestamp.clone(), m.name.clone(), m.namespace.clone())
        })
    };
    let unselective = |p: &Policy| selects_all(&p.spec.selector);
    let mesh = oldest(&|p| p.metadata.namespace == *root && unselective(p));
    let own = &workload.namespace;
    let namespace = oldest(&|p| p.metadata.namespace == *own && own != root && unselective(p));
    let single = oldest(&|p| {
        let labels = p.spec.selector.as_ref().and_then(|s| s.match_labels.as_ref());
        let selected = labels.is_some_and(|labels| !labels.is_empty() && workload.has_labels(labels));
        p.metadata.namespace == *own && own != root && selected
    });
    let scopes = [single, namespace, mesh];
    let set = scopes.into_iter().flatten().find_map(|p| Some((mode(p.spec.mtls.as_ref())?, p)));
    let (mode_of_workload, by) = match set {
        Some((mode, policy)) => (mode, Some(policy)),
        None => (PeerMode::default(), scopes.into_iter().flatten().next()),
    };
    let mut ports = BTreeMap::new();
    let by_port = single.and_then(|p| p.spec.port_level_mtls.as_ref());
    for (port, mtls) in by_port.into_iter().flatten() {
        if let (Ok(port), Some(mode)) = (port.parse::<u16>(), mode(mtls.as_ref())) {
            ports.insert(port, mode);
        }
    }
    let reference = |p: &Policy| -> Arc<PolicyRef> { Arc::new(p.reference()) };
    PeerLayer {
        mode: mode_of_workload,
        by: by.map(reference),
        ports_by: single.filter(|_| !ports.is_empty()).map(reference),
        ports,
    }
}

/// Returns the mode, or `None` for UNSET.
fn mode(mtls: Option<&MutualTls>) -> Option<PeerMode> {
    match mtls.and_then(|m| m.mode).unwrap_or_default() {
        MutualTlsMode::Unset => None,
        MutualTlsMode::Disable => Some(PeerMode::Disable),
        MutualTlsMode::Permissive => Some(PeerMode::Permissive),
        MutualTlsMode::Strict => Some(PeerMode::Strict),
    }
}
