//! The pairs of port and selector that have rules with server names
//! (docs/semantics/cilium.md#cilium-server-names-same-selector).

use super::super::model::Port;
use crate::ir::Test;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// A set of pairs of port and selector.
#[derive(Debug, Default)]
pub(crate) struct SniScoped(BTreeMap<Port, BTreeSet<Vec<Test>>>);

impl SniScoped {
    /// Adds each of `ports` with each of `selectors`.
    pub(crate) fn add(&mut self, ports: &[Port], selectors: &[Vec<Test>]) {
        for port in ports {
            self.0.entry(port.clone()).or_default().extend(selectors.iter().cloned());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the set has a pair of one of `ports` and one of `selectors`.
    pub(crate) fn contains_any(&self, ports: &[Port], selectors: &[Vec<Test>]) -> bool {
        ports.iter().any(|port| selectors.iter().any(|selector| self.contains(port, selector)))
    }

    pub(crate) fn contains(&self, port: &Port, selector: &[Test]) -> bool {
        self.0.get(port).is_some_and(|selectors| selectors.contains(selector))
    }
}
