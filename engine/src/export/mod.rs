//! Policies in the form of other tools: the filters of Envoy that istiod would make of them.
//!
//! The export is written from [`crate::ir`], not from the resources, so it is also a check of the lowering: what is
//! decided here and what a native Envoy is told come from the same rules.

mod ext_authz;
mod filters;
mod policy;
mod string;
mod test;

pub use crate::lower::istio::Chain;
pub use filters::{envoy_rbac, envoy_rbac_for_service};
