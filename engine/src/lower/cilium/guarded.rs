//! The pairs of port and selector that rules with server names are about
//! (docs/semantics/cilium.md#cilium-server-names-same-selector).

use super::port::Port;
use crate::ir::Test;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// A set of pairs of port and selector.
#[derive(Debug, Default)]
pub(super) struct Guarded(BTreeMap<Port, BTreeSet<Vec<Test>>>);

impl Guarded {
    /// Adds each of `ports` with each of `selectors`.
    pub(super) fn add(&mut self, ports: &[Port], selectors: &[Vec<Test>]) {
        for port in ports {
            self.0.entry(port.clone()).or_default().extend(selectors.iter().cloned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, port: &Port, selector: &[Test]) -> bool {
        self.0.get(port).is_some_and(|selectors| selectors.contains(selector))
    }
}
