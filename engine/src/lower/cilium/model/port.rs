//! Ports of an entry (docs/semantics/cilium.md#cilium-port-text).

use super::{
    l7::{L7, PerSelectorPolicy},
    port_number::Number,
};
use crate::ir::Field;
use crate::net::Protocol;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// The maximum number of ports of a `toPorts` item, and of fields of an `icmps` item.
pub(crate) const MAX_PORTS: usize = 40;

/// The ports of an entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ports {
    /// Every port of every protocol: the entry lists no ports.
    Any,
    /// The ports of these items. Without an item, the entry has no effect.
    Listed(Vec<PortGroup>),
}

/// One item of `toPorts` or `icmps`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct PortGroup {
    pub(crate) index: u32,
    /// The field of the ports.
    pub(crate) field: Field,
    pub(crate) ports: Vec<Port>,
    /// The policy for the content of connections to these ports.
    pub(crate) policy: PerSelectorPolicy,
}

impl PortGroup {
    pub(crate) fn l7(&self) -> &L7 {
        &self.policy.l7
    }
}

/// One port, range or named port of one protocol. Two ports are equal if the agent merges their rules in one L4 filter.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) protocol: Protocol,
    pub(crate) number: Number,
    /// `endPort` as it is written, or 0. It is part of the key of an L4 filter with a number, even if it adds no port
    /// (`endPort` equal to `port`), but not of one with a name.
    pub(crate) end: u16,
    /// The number in the key of the L4 filter if it is not the first of `number`. See [`super::port_number::filter_key`].
    pub(crate) key: Option<u16>,
}

impl Port {
    /// Represents every port of an entry without ports.
    pub(crate) const ALL: Self = Self::single(Protocol::Tcp, Number::Range(0, u16::MAX));

    /// A port without `endPort`.
    pub(crate) const fn single(protocol: Protocol, number: Number) -> Self {
        Self { protocol, number, end: 0, key: None }
    }

    /// Whether it is several ports but not all.
    pub(crate) fn is_range(&self) -> bool {
        match &self.number {
            Number::Range(0, u16::MAX) | Number::Named(_) => false,
            Number::Range(first, last) => first != last,
        }
    }

    /// Returns the part of the key of an L4 filter.
    fn filter_key(&self) -> (Protocol, Option<&str>, u16, u16) {
        match &self.number {
            Number::Named(name) => (self.protocol, Some(name), 0, 0),
            Number::Range(first, _) => (self.protocol, None, self.key.unwrap_or(*first), self.end),
        }
    }
}

impl PartialEq for Port {
    fn eq(&self, other: &Self) -> bool {
        self.filter_key() == other.filter_key()
    }
}

impl Eq for Port {}

impl PartialOrd for Port {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Port {
    fn cmp(&self, other: &Self) -> Ordering {
        self.filter_key().cmp(&other.filter_key())
    }
}
