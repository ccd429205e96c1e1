//! Network policies of Cilium and Kubernetes to rules: all of their meaning is here
//! (docs/semantics/cilium.md#cilium-precedence).
//!
//! [`Lowered::new`] reads each object once, whatever endpoint is asked about, and reports what is wrong with it;
//! [`Lowered::layer`] picks what selects one endpoint and puts its rules in order of precedence.

mod assemble;
mod azure;
mod cidr;
mod cidr_set;
mod cluster_index;
mod cluster_network_policy;
mod conflict;
mod crd;
mod deny_only;
mod entity;
mod findings;
mod group;
mod guarded;
mod http;
mod icmp;
mod l7;
mod lookups;
pub(crate) mod name;
mod named_port;
mod network_policy;
mod peer;
mod policy;
mod port;
mod port_text;
mod proxied;
mod requires;
mod secret;
mod selector;
mod service;
mod subjects;
mod tls;
mod trap;
mod trap_cidr;
mod trap_l7;
mod trap_labels;
mod unlearnable;
mod writer;

pub(crate) use assemble::Endpoint;
pub(crate) use findings::Findings;
pub(crate) use policy::Lowered;
pub(crate) use unlearnable::{is_lost, lost_name, lost_why, remedy};

use crate::{
    cluster::{Cluster, EndKind, Workload},
    ir::NetworkLayer,
    options::Options,
};

impl NetworkLayer {
    /// The network policies of the pod `workload` of `cluster`. What is wrong with a policy is told by
    /// [`crate::lint`]; here it has no effect.
    pub fn of(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        let lowered = Lowered::new(cluster, options, &mut Findings::default());
        let labels = cluster.pod_identity(workload, options);
        lowered.layer(&Endpoint { kind: EndKind::Pod, labels: &labels, ports: &workload.ports }, options)
    }
}
