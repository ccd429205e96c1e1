//! The cluster that policies speak of: workloads, namespaces, services, as the manifests describe them.

pub(crate) mod identity;
mod inventory;
mod workload;

pub use identity::EndKind;
pub use inventory::Cluster;
pub use workload::{MeshRole, NamedPort, Workload};
