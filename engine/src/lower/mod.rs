//! Lowers resources to rules of [`crate::ir`], which are independent of the policy language.

pub(crate) mod cilium;
pub(crate) mod istio;
