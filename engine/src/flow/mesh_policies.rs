//! The compiled mesh policies and the proxy settings of each workload.

use super::{cache::Cache, endpoint::Resolver, proxy};
use crate::{
    cluster::{CalledService, Cluster, Workload},
    http,
    policy_set::PolicySet,
};
use alloc::format;

/// The compiled mesh policies and the proxy settings of each workload, computed on first use.
#[derive(Debug)]
pub(super) struct MeshPolicies {
    sets: Cache<PolicySet>,
    /// The settings of the proxies. An annotation of a workload can contain them as YAML, which is parsed once.
    proxies: Cache<http::Proxy>,
}

impl MeshPolicies {
    pub(super) fn new(cluster: &Cluster) -> Self {
        let workloads = cluster.workloads().count();
        Self { sets: Cache::new(workloads), proxies: Cache::new(workloads) }
    }

    /// Returns the settings of the connection manager in the proxy of `workload`.
    pub(super) fn proxy(&self, resolver: Resolver<'_>, workload: &Workload) -> &http::Proxy {
        let key = format!("{}/{}", workload.namespace, workload.name);
        let Resolver { cluster, options } = resolver;
        self.proxies.get_or_compute(&key, || proxy::settings(cluster, workload, options))
    }

    /// Returns the policies of `workload`, called for `service` if it is a waypoint.
    pub(super) fn policy_set(
        &self,
        resolver: Resolver<'_>,
        workload: &Workload,
        service: Option<CalledService<'_>>,
    ) -> &PolicySet {
        let mut key = format!("{}/{}", workload.namespace, workload.name);
        if let Some(CalledService { kind, namespace, name }) = service {
            key.push_str(&format!(" for {kind}/{namespace}/{name}"));
        }
        let Resolver { cluster, options } = resolver;
        self.sets.get_or_compute(&key, || PolicySet::new(cluster, workload, service, options))
    }
}
