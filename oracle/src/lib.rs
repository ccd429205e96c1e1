//! The differential oracle: random policies and near-miss requests, decided by [`palisade::PolicySet`] and by the
//! native RBAC filters of a real Envoy that is configured from [`palisade::export`].
//!
//! Many policies share one Envoy: a header chooses the route, and each route has its own RBAC rules. Identities,
//! tokens and metadata come from headers too, through Envoy's own filters that set connection state and metadata,
//! so that all of them can be tried over one plaintext connection. The workload is a waypoint, whose identity
//! is such a state.

mod differential;
mod fleet;
mod policy;
mod random;
mod request;
mod shrink;

pub use differential::{Plan, Report, run};
