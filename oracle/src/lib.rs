//! The differential oracle: random policies and near-miss requests, decided by [`palisade::PolicySet`] and by the
//! native RBAC filters of a real Envoy that is configured from [`palisade::export`].
//!
//! One stream is fast: many policies share one Envoy: a header chooses the route, and each route has its own RBAC rules. Identities,
//! tokens and metadata come from headers too, through Envoy's own filters that set connection state and metadata,
//! so that all of them can be tried over one plaintext connection. The workload is a waypoint, whose identity
//! is such a state.
//!
//! The other is slow and leaves nothing out: whole meshes as case files, run by [`backend::InEnvoy`] with real
//! certificates, tokens, providers, HTTP/2 and bare TCP, some of them with the module that ships beside native RBAC.
//!
//! [`views`] compares the request as policies see it, before and after the check of tokens.

pub mod backend;
mod case;
mod differential;
mod fleet;
mod meshes;
mod policy;
mod random;
mod request;
mod shrink;
pub mod views;

pub use differential::{Plan, Report, run};
pub use meshes::Counts;
