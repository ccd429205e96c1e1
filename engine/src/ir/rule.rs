//! Rules: an effect, where they came from, and when they hold.

use super::{Attribute, Pattern};
use crate::rule_id::RuleId;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;

/// What a rule does when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Lets the flow through this layer.
    Allow,
    /// Refuses it.
    Deny,
    /// Leaves this tier and goes on with the next.
    Pass,
    /// What this stage asks for is met: goes on with the next stage.
    Proceed,
    /// Hands it to the DNS proxy, whose rules are [`super::DirectionLayer::lookups`].
    Redirect,
    /// Only tags it.
    Audit,
    /// Asks this external provider.
    Ask(Arc<str>),
    /// Refuses it, because this external provider cannot be asked (docs/semantics/istio.md#istio-unusable-provider).
    Unaskable(Arc<str>),
    /// Refuses it: istiod makes an enforced DENY rule of a dry-run CUSTOM rule with this valid provider.
    DryRunCustom(Arc<str>),
    /// No rule of a proxy at this level lets the flow through. The walk resumes at the next of
    /// [`super::DirectionLayer::resumes`]; unless a rule there decides, the flow is refused, or undecided where it
    /// carries nothing for the proxy to look at.
    Refuse(Proxy),
}

impl Effect {
    /// Whether the rule is that of a CUSTOM policy.
    pub fn is_custom(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Unaskable(_) | Self::DryRunCustom(_))
    }
}

/// What a proxy looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proxy {
    /// The name of a lookup.
    Dns,
    /// An HTTP request.
    Http,
    /// The server name of a TLS handshake.
    Tls,
    /// What another parser reads: Kafka, or one named by `l7proto`.
    Other,
}

/// The part of a policy a group stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Who: sources of an AuthorizationPolicy.
    From,
    /// What: operations of an AuthorizationPolicy.
    To,
    /// Conditions of an AuthorizationPolicy.
    When,
    /// The other end in a network policy.
    Peer,
    /// Ports and protocols in a network policy.
    Ports,
    /// What the proxy looks at in a network policy: names, requests.
    L7,
}

/// A condition on one attribute: some value matches some pattern; negated, no value matches any.
///
/// A negated test on an attribute without value holds (docs/semantics/istio.md#istio-negation-without-value).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// What is read.
    pub attribute: Attribute,
    /// Whether this is the `notX` form.
    pub negated: bool,
    /// The alternatives. None at all: the positive form never holds, the negated one always.
    pub patterns: Box<[Pattern]>,
}

/// Tests that must all hold, and the place they were written at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause {
    /// The tests, ANDed; none means the clause always holds.
    pub tests: Vec<Test>,
    /// Index in the list it was written in, such as 1 for `from[1]`.
    pub index: u32,
}

/// Clauses of which one must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What part of the policy this is.
    pub section: Section,
    /// The clauses, ORed; none means the group never holds.
    pub clauses: Vec<Clause>,
}

/// One rule of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it came from.
    pub id: RuleId,
    /// What it does.
    pub effect: Effect,
    /// The groups, ANDed; none means the rule always holds.
    pub groups: Vec<Group>,
}

impl Rule {
    /// Whether no request at all can make it hold: one of its groups offers nothing.
    pub fn is_never(&self) -> bool {
        self.groups.iter().any(|group| group.clauses.is_empty())
    }
}

impl Test {
    /// The positive form.
    pub fn any_of(attribute: Attribute, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        Self { attribute, negated: false, patterns: patterns.into_iter().collect() }
    }

    /// The negated form.
    pub fn none_of(attribute: Attribute, patterns: impl IntoIterator<Item = Pattern>) -> Self {
        Self { attribute, negated: true, patterns: patterns.into_iter().collect() }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::From => "from",
            Self::To => "to",
            Self::When => "when",
            Self::Peer => "peer",
            Self::Ports => "toPorts",
            Self::L7 => "rules",
        })
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Deny => f.write_str("deny"),
            Self::Pass => f.write_str("pass"),
            Self::Proceed => f.write_str("proceed"),
            Self::Redirect => f.write_str("redirect"),
            Self::Audit => f.write_str("audit"),
            Self::Ask(provider) => write!(f, "ask {provider}"),
            Self::Unaskable(_) | Self::DryRunCustom(_) => f.write_str("deny"),
            Self::Refuse(_) => f.write_str("refuse"),
        }
    }
}
