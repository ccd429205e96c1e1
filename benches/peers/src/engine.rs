//! The interface of a policy engine, and the texts of its policies.

use palisade_benches::requests::{OwnedRequest, RequestParts};

/// A policy engine with N policies.
pub trait PolicyEngine {
    /// Whether the policies allow the request. The engine builds its own form of it in each call, from `parts` or `request`.
    fn allows(&self, parts: &RequestParts<'_>, request: &OwnedRequest) -> bool;
}

/// Returns the path prefix of policy `i`.
pub(crate) fn prefix(i: usize) -> String {
    format!("/svc{i}/")
}

/// Returns the identity of policy `i`.
pub(crate) fn spiffe(i: usize) -> String {
    format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")
}
