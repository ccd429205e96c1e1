//! The workloads, namespaces, services and identities of a cluster, from its manifests.

mod group;
pub(crate) mod identity;
mod inventory;
mod label_filter;
mod service;
mod workload;

pub(crate) use group::AddressGroup;
pub use identity::EndpointKind;
pub use inventory::Cluster;
pub(crate) use label_filter::is_identity_label;
pub use service::CalledService;
pub(crate) use workload::WAYPOINT_CLASS;
pub use workload::{IdentitySource, MeshRole, NamedPort, Workload};
