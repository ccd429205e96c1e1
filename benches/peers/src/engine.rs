//! The interface of a policy engine, and the texts of its policies.

use palisade_benches::ask::{Ask, Parts};

/// A policy engine with N policies.
pub trait PolicyEngine {
    /// Whether the policies allow `ask`. The engine builds its own form of the request in each call.
    fn allows(&self, ask: &Parts<'_>, raw: &Ask) -> bool;
}

/// Returns the path prefix of policy `i`.
pub(crate) fn prefix(i: usize) -> String {
    format!("/svc{i}/")
}

/// Returns the identity of policy `i`.
pub(crate) fn spiffe(i: usize) -> String {
    format!("spiffe://cluster.local/ns/ns{i}/sa/sa{i}")
}
