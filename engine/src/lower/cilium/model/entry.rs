//! Policies as the agent reads them, independent of their kind.

use super::{
    peer::PeerSpec,
    port::{PortGroup, Ports},
};
use crate::{
    ir::{Effect, Requirement, Selector},
    rule_id::{PolicyRef, RuleId},
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

/// A level of precedence: the tier first, then the priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level {
    pub(crate) tier: u8,
    pub(crate) priority: u32,
}

impl Level {
    /// The tier Admin of ClusterNetworkPolicy.
    pub(crate) const ADMIN: u8 = 100;
    /// The level of CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and NetworkPolicy.
    pub(crate) const NORMAL: Self = Self { tier: 200, priority: 0 };
    /// The tier Baseline of ClusterNetworkPolicy.
    pub(crate) const BASELINE: u8 = 250;
}

/// An entry of one direction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: RuleId,
    /// The path in the object.
    pub(crate) path: String,
    pub(crate) effect: Effect,
    pub(crate) level: Level,
    pub(crate) peers: PeerSpec,
    pub(crate) ports: Ports,
    /// `authentication.mode`, if it is given.
    pub(crate) authentication: Option<Box<str>>,
    /// Whether the peers are those of `fromEndpoints` or `toEndpoints`.
    pub(crate) by_endpoints: bool,
    /// The requirements of `fromRequires` or `toRequires` for every such peer of the endpoint.
    pub(crate) requires: Vec<Requirement>,
}

impl Entry {
    /// Returns an entry without requirements and authentication.
    pub(super) fn new(
        id: RuleId,
        path: String,
        effect: Effect,
        level: Level,
        peers: PeerSpec,
        ports: Ports,
    ) -> Self {
        let (by_endpoints, requires, authentication) = (false, Vec::new(), None);
        Self { id, path, effect, level, peers, ports, by_endpoints, requires, authentication }
    }

    /// Returns the items of `toPorts` and `icmps`.
    pub(crate) fn port_groups(&self) -> impl Iterator<Item = &PortGroup> {
        match &self.ports {
            Ports::Any => Default::default(),
            Ports::Listed(groups) => groups.iter(),
        }
    }

    /// Returns the key by which the agent sorts the rules of one level before it merges them.
    pub(crate) fn merge_key(&self) -> impl Ord {
        let id = &self.id;
        (id.policy.kind, &*id.policy.namespace, &*id.policy.name, id.section, id.rule)
    }

    /// Whether the entry matches no peer.
    pub(crate) fn is_without_peer(&self) -> bool {
        matches!(&self.peers, PeerSpec::AnyOf(clauses) if clauses.is_empty())
    }
}

/// The entries of one rule for one direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Direction {
    /// Whether the rule applies to this direction.
    pub(crate) is_present: bool,
    pub(crate) enables_default_deny: bool,
    pub(crate) entries: Vec<Entry>,
}

/// A rule: a `spec`, an item of `specs`, or a NetworkPolicy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    pub(crate) reference: Arc<PolicyRef>,
    pub(crate) subject: Selector,
    /// Whether the subject is the local host, not an endpoint.
    pub(crate) is_host: bool,
    pub(crate) egress: Direction,
    pub(crate) ingress: Direction,
}
