//! Verdicts, and the layer and rule that decide them.

use crate::{rule_id::RuleId, unknown_name::UnknownName};
use alloc::{string::String, sync::Arc};
use core::{fmt, str::FromStr};

/// The result for a flow or request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// No layer denies it.
    Allow,
    /// A layer denies it.
    Deny,
    /// A proxy rejects it before any policy, because the request is malformed or its token is invalid.
    Reject,
    /// A proxy decides each request, and the flow has no request.
    NeedsRequest,
    /// The agent cannot compute the policy of this endpoint and keeps the old one. This is never an allow.
    PolicyError,
    /// The decision depends on the answer of an external provider.
    Ask,
}

/// The layers of a decision, in the order in which they evaluate a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The egress policies of the source.
    CiliumEgress,
    /// The ingress policies of the destination.
    CiliumIngress,
    /// The mutual TLS mode of the destination, which also determines the identity of the client.
    PeerAuthentication,
    /// The AuthorizationPolicies of the destination.
    AuthorizationPolicy,
}

/// The result of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A policy applies, and the layer allows the flow.
    Allow,
    /// The layer denies the flow.
    Deny,
    /// A proxy rejects the request before any policy.
    Reject,
    /// A proxy decides each request, and the flow has no request.
    NeedsRequest,
    /// The agent cannot compute the policy.
    PolicyError,
    /// The decision depends on the answer of an external provider.
    Ask,
    /// No policy of this layer selects the workload.
    NotSelected,
    /// The endpoint has no policies of its own, such as an outside address or another node.
    Outside,
    /// An earlier layer denies the flow.
    NotReached,
}

/// The reason of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// This rule decides.
    Rule(RuleId),
    /// No rule decides; this is the reason.
    Default(DefaultReason),
}

/// The reasons of decisions without a rule. Their texts are part of the JSON contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultReason {
    /// ALLOW policies apply, and none of their rules matches.
    NoAllowRuleMatched,
    /// No ALLOW policy applies, and no DENY rule matches.
    NoAllowPolicy,
    /// Default deny is enabled, and no rule matches.
    NoRuleMatched,
    /// Policies select the endpoint, and none of them enables default deny.
    NotArmed,
    /// The policies of the pod deny the lookup, so the DNS cache has no address of the name.
    LookupRefused,
    /// No policy of any layer applies.
    NoPolicy,
    /// The local host can always connect to its pods.
    LocalHost,
    /// A necessary attribute is unreadable.
    Unavailable,
    /// Another reason.
    Other(Arc<str>),
}

impl fmt::Display for DefaultReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAllowRuleMatched => "no ALLOW rule matched",
            Self::NoAllowPolicy => "no ALLOW policy applies",
            Self::NoRuleMatched => "no rule matched",
            Self::NotArmed => "no policy arms default deny",
            Self::LookupRefused => "the DNS lookup is refused",
            Self::NoPolicy => "no policy applies",
            Self::LocalHost => "the local host may reach its pods",
            Self::Unavailable => "an attribute could not be read",
            Self::Other(text) => text,
        })
    }
}

/// The decision of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDecision {
    /// The result.
    pub outcome: Outcome,
    /// The reason; `None` if the layer decides nothing.
    pub by: Option<DecidedBy>,
}

impl LayerDecision {
    /// Returns a decision by `rule`.
    pub fn by_rule(outcome: Outcome, rule: RuleId) -> Self {
        Self { outcome, by: Some(DecidedBy::Rule(rule)) }
    }

    /// Returns a decision without a rule.
    pub fn by_default(outcome: Outcome, reason: DefaultReason) -> Self {
        Self { outcome, by: Some(DecidedBy::Default(reason)) }
    }

    /// Returns a decision without a reason.
    pub const fn bare(outcome: Outcome) -> Self {
        Self { outcome, by: None }
    }

    /// Returns whether the next layer evaluates the flow.
    pub fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Allow | Outcome::NotSelected | Outcome::Outside)
    }
}

/// A verdict with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// The deciding layer.
    pub layer: Layer,
    /// The reason.
    pub by: DecidedBy,
    /// The HTTP status of a denied request; `None` for a protocol without status.
    pub status: Option<u16>,
    /// The decision of the dry-run policies, if it differs.
    pub shadow: Option<LayerDecision>,
}

impl Outcome {
    /// Returns the verdict for a flow whose deciding layer has this outcome.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Allow | Self::NotSelected | Self::Outside => Verdict::Allow,
            Self::Deny | Self::NotReached => Verdict::Deny,
            Self::Reject => Verdict::Reject,
            Self::NeedsRequest => Verdict::NeedsRequest,
            Self::PolicyError => Verdict::PolicyError,
            Self::Ask => Verdict::Ask,
        }
    }
}

impl Layer {
    /// All layers in order.
    pub const ALL: [Self; 4] =
        [Self::CiliumEgress, Self::CiliumIngress, Self::PeerAuthentication, Self::AuthorizationPolicy];

    /// Returns the name of the layer in case files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CiliumEgress => "cilium-egress",
            Self::CiliumIngress => "cilium-ingress",
            Self::PeerAuthentication => "peer-authentication",
            Self::AuthorizationPolicy => "authorization-policy",
        }
    }
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 6] =
        [Self::Allow, Self::Deny, Self::Reject, Self::NeedsRequest, Self::PolicyError, Self::Ask];

    /// Returns the name of the verdict in case files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Reject => "reject",
            Self::NeedsRequest => "needs-request",
            Self::PolicyError => "policy-error",
            Self::Ask => "ask",
        }
    }
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 9] = [
        Self::Allow,
        Self::Deny,
        Self::Reject,
        Self::NeedsRequest,
        Self::PolicyError,
        Self::Ask,
        Self::NotSelected,
        Self::Outside,
        Self::NotReached,
    ];

    /// Returns the name of the outcome in case files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotSelected => "not-selected",
            Self::Outside => "outside",
            Self::NotReached => "not-reached",
            other => other.verdict().as_str(),
        }
    }
}

impl FromStr for Layer {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        UnknownName::find("layer", text, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Verdict {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        UnknownName::find("verdict", text, &Self::ALL, Self::as_str)
    }
}

impl FromStr for Outcome {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        UnknownName::find("outcome", text, &Self::ALL, Self::as_str)
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(id) => write!(f, "{id}"),
            Self::Default(reason) => write!(f, "{reason}"),
        }
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.as_str().into()
    }
}
