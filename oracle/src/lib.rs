//! The differential oracle: random policies and requests, decided by the engine and by native RBAC in a real Envoy.
//!
//! [`run`] makes two kinds of comparison:
//!
//! - Policies of a waypoint. Several hundred sets of policies share one Envoy: a header selects the route, and each route
//!   has its own RBAC rules from [`palisade::export`]. Other headers contain the identity, the claims and the metadata, which
//!   Envoy's own filters put where RBAC reads them. So all requests use plaintext connections, and this comparison is fast.
//! - Whole meshes. Random manifests and case files run in [`backend::InEnvoy`] with real certificates, tokens, providers,
//!   HTTP/2 and TCP. Some of the Envoys also run the shipped filter module.
//!
//! [`views`] compares the request that policies evaluate, before and after the validation of tokens.

pub mod backend;
mod case;
mod differential;
mod meshes;
mod multiplexed_envoy;
mod policy;
mod protobuf;
mod report;
mod sample;
mod shrink;
pub mod views;

pub use differential::run;
pub use report::{Counts, Plan, Report};
