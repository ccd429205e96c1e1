//! Exports policies to other formats: the Envoy filters that istiod generates.
//!
//! The export reads [`crate::ir`], not the resources. Palisade and Envoy therefore use the same rules, and a comparison
//! of their decisions also checks the lowering.

mod ext_authz;
mod filters;
mod policy;
mod string;
mod test;

pub use crate::lower::istio::Chain;
pub use filters::{envoy_rbac, envoy_rbac_for_service};
