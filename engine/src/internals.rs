//! Entry points that skip validation.
//!
//! The tools of this repository analyse clusters whose policies istiod or the Cilium agent rejects, and tests compile
//! policies that a webhook would not accept. Applications use [`crate::Policies`].

use crate::{
    cluster::{CalledService, Cluster, Workload},
    flow::Simulation,
    options::Options,
    policy_set::PolicySet,
};
use alloc::sync::Arc;

impl PolicySet {
    /// Compiles the policies of `cluster` that apply to `workload`, without validation.
    pub fn compile(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        Self::new(cluster, workload, None, options)
    }

    /// Compiles the policies of `cluster` that apply to the waypoint `workload` for `service`, without validation.
    pub fn for_service(
        cluster: &Cluster,
        workload: &Workload,
        service: Option<CalledService<'_>>,
        options: &Options,
    ) -> Self {
        Self::new(cluster, workload, service, options)
    }
}

impl Simulation {
    /// Lowers the network policies of `cluster`, without validation.
    pub fn new(cluster: impl Into<Arc<Cluster>>, options: Options) -> Self {
        Self::of_cluster(cluster.into(), options)
    }
}
