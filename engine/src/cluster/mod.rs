//! The cluster that policies speak of: workloads, namespaces, services, as the manifests describe them.

mod inventory;
mod workload;

pub use inventory::Cluster;
pub use workload::{MeshRole, NamedPort, Workload};
