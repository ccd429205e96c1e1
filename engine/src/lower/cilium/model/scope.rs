//! The context in which a policy is read: the cluster, the options and the namespace.

use super::{cluster_index::ClusterIndex, selector::equals};
use crate::{
    cluster::identity::{CLUSTER, K8S},
    ir::Selector,
    options::{Options, Profile},
};
use alloc::{
    format,
    string::{String, ToString},
};

/// The context in which a policy is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// The objects of the cluster.
    pub(crate) index: &'a ClusterIndex<'a>,
    pub(crate) options: &'a Options,
    /// The namespace of the policy; `None` for a policy of the whole cluster.
    pub(crate) namespace: Option<&'a str>,
    /// Whether the subject of the rule names `reserved:init`.
    pub(crate) init: bool,
}

impl Scope<'_> {
    pub(crate) fn is_strict(&self) -> bool {
        self.options.profile == Profile::Strict
    }
}

/// The section of an entry, and the kind of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryKind {
    pub(crate) is_egress: bool,
    pub(crate) is_deny: bool,
    /// Whether the subject is a node.
    pub(crate) is_host: bool,
}

/// Returns the names of the peer fields of a direction.
pub(crate) fn peer_fields(is_egress: bool) -> [&'static str; 7] {
    if is_egress {
        ["toEndpoints", "toCIDR", "toCIDRSet", "toEntities", "toNodes", "toGroups", "toRequires"]
    } else {
        [
            "fromEndpoints",
            "fromCIDR",
            "fromCIDRSet",
            "fromEntities",
            "fromNodes",
            "fromGroups",
            "fromRequires",
        ]
    }
}

/// Returns the path of `field` of the field at `path`.
pub(crate) fn below(path: &str, field: &str) -> String {
    format!("{path}.{field}")
}

/// Limits `labels` to the local cluster unless it names one (docs/semantics/cilium.md#cilium-local-cluster).
pub(super) fn local_cluster(labels: &mut Selector, scope: &Scope<'_>) {
    if scope.options.cilium.default_local_cluster() && !labels.names(K8S, CLUSTER) {
        labels.require(K8S, CLUSTER, equals(&scope.options.cilium.cluster_name.to_string()));
    }
}
