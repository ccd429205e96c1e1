//! The cluster that policies speak of: workloads, namespaces, services, as the manifests describe them.

mod group;
pub(crate) mod identity;
mod inventory;
mod service;
mod workload;

pub use identity::EndKind;
pub use inventory::Cluster;
pub use service::CalledService;
pub(crate) use workload::WAYPOINT_CLASS;
pub use workload::{IdentitySource, MeshRole, NamedPort, Workload};
