//! Rules: an effect, an id, and the conditions under which they match.

use super::{
    AddressAttribute, Field, NameAttribute, NamePattern, Origin, Predicate, Selector, Text, TextAttribute,
    TransportRange,
};
use crate::rule_id::RuleId;
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{cmp::Ordering, fmt};
use ipnet::IpNet;

/// The effect of a rule that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allows the flow in this layer.
    Allow,
    /// Denies the flow.
    Deny,
    /// Continues with the next tier.
    Pass,
    /// Continues with the next stage.
    Proceed,
    /// Redirects the flow to the DNS proxy, whose rules are [`super::DirectionLayer::lookups`].
    Redirect,
    /// Only marks the flow for the audit.
    Audit,
    /// Calls this extension provider, which decides.
    Ask(Arc<str>),
    /// Denies the flow, because this extension provider is unusable (docs/semantics/istio.md#istio-unusable-provider).
    Unaskable(Arc<str>),
    /// Denies the flow: istiod translates a dry-run CUSTOM rule with this valid provider to an enforced DENY rule.
    DryRunCustom(Arc<str>),
    /// No L7 rule at this level allows the flow. The evaluation resumes at the next of
    /// [`super::DirectionLayer::resumes`]. If no rule there decides, the flow is denied, or undecided if it has no content
    /// for the proxy.
    Refuse(Proxy),
}

impl Effect {
    /// Returns whether the rule belongs to a CUSTOM policy.
    pub fn is_custom(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Unaskable(_) | Self::DryRunCustom(_))
    }
}

/// The content that a proxy reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proxy {
    /// The name of a lookup.
    Dns,
    /// An HTTP request.
    Http,
    /// The server name of a TLS handshake.
    Tls,
    /// The content of another parser: Kafka, or one that `l7proto` names.
    Other,
}

/// The part of a policy from which a group comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// The sources of an AuthorizationPolicy.
    From,
    /// The operations of an AuthorizationPolicy.
    To,
    /// The conditions of an AuthorizationPolicy.
    When,
    /// The peer in a network policy.
    Peer,
    /// The ports and protocols in a network policy.
    Ports,
    /// The L7 rules of a network policy: names, requests.
    L7,
}

/// A predicate that must match or, negated, must not match.
///
/// A negated test on an attribute without value matches (docs/semantics/istio.md#istio-negation-without-value). Two tests
/// are equal if they match the same values, whatever their origin.
#[derive(Clone, Debug)]
pub struct Test {
    /// The attribute with its patterns.
    pub predicate: Predicate,
    /// Whether the predicate must not match.
    pub negated: bool,
    /// The field from which the test comes.
    pub origin: Origin,
}

/// Tests that must all match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clause {
    /// The tests, ANDed; without a test the clause always matches.
    pub tests: Vec<Test>,
    /// The position in its list, such as 1 for `from[1]`.
    pub index: u32,
}

/// Clauses of which one must match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The part of the policy.
    pub section: Section,
    /// The clauses, ORed; without a clause the group never matches.
    pub clauses: Vec<Clause>,
}

/// One rule of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The policy and the position in it.
    pub id: RuleId,
    /// The effect of a match.
    pub effect: Effect,
    /// The groups, ANDed; without a group the rule always matches.
    pub groups: Vec<Group>,
}

impl Rule {
    /// Returns whether the rule never matches, because one of its groups has no clause.
    pub fn is_never(&self) -> bool {
        self.groups.iter().any(|group| group.clauses.is_empty())
    }
}

impl Clause {
    /// Returns the clause with `field` as the origin of its tests.
    #[must_use]
    pub fn at(mut self, field: Field) -> Self {
        self.tests.iter_mut().for_each(|test| test.origin.field = field);
        self
    }

    /// Returns the clause with `values` as the values that the policy states for its tests.
    #[must_use]
    pub fn written(mut self, values: &[String]) -> Self {
        let values: Box<[Box<str>]> = values.iter().map(|value| value.as_str().into()).collect();
        self.tests.iter_mut().for_each(|test| test.origin.values.clone_from(&values));
        self
    }
}

impl Test {
    /// Returns the positive test of `predicate`, without an origin.
    pub fn new(predicate: Predicate) -> Self {
        Self { predicate, negated: false, origin: Origin::default() }
    }

    /// Returns a test for a value of `attribute` that one of `patterns` matches.
    pub fn text(attribute: TextAttribute, patterns: impl IntoIterator<Item = Text>) -> Self {
        Self::new(Predicate::Text(attribute, patterns.into_iter().collect()))
    }

    /// Returns a test for a flow in one of `ranges`.
    pub fn transport(ranges: impl IntoIterator<Item = TransportRange>) -> Self {
        Self::new(Predicate::Transport(ranges.into_iter().collect()))
    }

    /// Returns a test for an address in one of `blocks`.
    pub fn address(attribute: AddressAttribute, blocks: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(Predicate::Address(attribute, blocks.into_iter().collect()))
    }

    /// Returns a test for a peer with labels that one of `selectors` matches.
    pub fn labels(selectors: impl IntoIterator<Item = Selector>) -> Self {
        Self::new(Predicate::Labels(selectors.into_iter().collect()))
    }

    /// Returns a test for a DNS name that one of `patterns` matches.
    pub fn name(attribute: NameAttribute, patterns: impl IntoIterator<Item = NamePattern>) -> Self {
        Self::new(Predicate::Name(attribute, patterns.into_iter().collect()))
    }

    /// Returns the test with the opposite result.
    #[must_use]
    pub fn negate(self) -> Self {
        Self { negated: !self.negated, ..self }
    }

    /// Returns the test with `field` as its origin.
    #[must_use]
    pub fn at(self, field: Field) -> Self {
        Self { origin: Origin { field, ..self.origin }, ..self }
    }

    /// Returns the test with `values` as the values that the policy states.
    #[must_use]
    pub fn written(self, values: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        Self { origin: Origin { values, ..self.origin }, ..self }
    }

    /// Returns a test for each pattern.
    pub fn split(&self) -> Vec<Self> {
        let of = |predicate| Self { predicate, negated: self.negated, origin: self.origin.clone() };
        self.predicate.split().into_iter().map(of).collect()
    }

    fn key(&self) -> (&Predicate, bool) {
        (&self.predicate, self.negated)
    }
}

impl PartialEq for Test {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Test {}

impl PartialOrd for Test {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Test {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
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
