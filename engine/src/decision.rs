//! What was decided, by which layer and rule.

use crate::{rule_id::RuleId, unknown_name::UnknownName};
use alloc::{string::String, sync::Arc};
use core::{fmt, str::FromStr};

/// The bit: may it pass?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Nothing denies it.
    Allow,
    /// A layer denies it.
    Deny,
    /// It is refused before any policy: a malformed request, a token that fails.
    Reject,
    /// A proxy decides per request, and no request was given.
    NeedsRequest,
    /// The agent cannot compute this endpoint's policy and keeps the old one. Never an allow.
    PolicyError,
    /// An external provider has to be asked.
    Ask,
}

/// The layers of a verdict, in the order a flow passes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// What the source may reach.
    CiliumEgress,
    /// Who may reach the destination.
    CiliumIngress,
    /// Whether the connection may exist, and whether it carries an identity.
    PeerAuthentication,
    /// What the destination's mesh policies say.
    AuthorizationPolicy,
}

/// What one layer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Some policy applies, and it lets the flow pass.
    Allow,
    /// It denies.
    Deny,
    /// Refused by the protocol in front of policy.
    Reject,
    /// A proxy decides per request.
    NeedsRequest,
    /// The policy cannot be computed.
    PolicyError,
    /// An external provider decides.
    Ask,
    /// No policy of this layer selects the workload.
    NotSelected,
    /// The end has no policy of its own: an outside address, another node.
    Outside,
    /// An earlier layer denied.
    NotReached,
}

/// Why a layer decided as it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// This rule.
    Rule(RuleId),
    /// No rule, for this reason.
    Default(DefaultReason),
}

/// Reasons that are no rule. The texts are part of the JSON contract.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DefaultReason {
    /// ALLOW policies apply and none of their rules matched.
    NoAllowRuleMatched,
    /// No ALLOW policy applies, and no DENY rule matched.
    NoAllowPolicy,
    /// Default deny is armed and no rule matched.
    NoRuleMatched,
    /// Policies select the endpoint, and none arms default deny.
    NotArmed,
    /// The pod may not ask for the name, so nothing was learned.
    LookupRefused,
    /// No policy of any layer applies.
    NoPolicy,
    /// The local host may always reach its pods.
    LocalHost,
    /// An attribute that the decision needs could not be read.
    Unavailable,
    /// Other, in words.
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

/// What one layer decided, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerDecision {
    /// What it said.
    pub outcome: Outcome,
    /// Why; none if nothing was decided.
    pub by: Option<DecidedBy>,
}

impl LayerDecision {
    /// A decision by `rule`.
    pub fn by_rule(outcome: Outcome, rule: RuleId) -> Self {
        Self { outcome, by: Some(DecidedBy::Rule(rule)) }
    }

    /// A decision by no rule.
    pub fn by_default(outcome: Outcome, reason: DefaultReason) -> Self {
        Self { outcome, by: Some(DecidedBy::Default(reason)) }
    }

    /// An outcome that nothing decided.
    pub const fn bare(outcome: Outcome) -> Self {
        Self { outcome, by: None }
    }

    /// Whether the flow goes on to the next layer.
    pub fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Allow | Outcome::NotSelected | Outcome::Outside)
    }
}

/// The bit with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// May it pass?
    pub verdict: Verdict,
    /// The layer that decided.
    pub layer: Layer,
    /// Why.
    pub by: DecidedBy,
    /// HTTP status of the refusal, where the protocol has one.
    pub status: Option<u16>,
    /// What dry-run policies would have said, where it differs.
    pub shadow: Option<LayerDecision>,
}

impl Outcome {
    /// The verdict a flow gets that ends with this outcome.
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

    /// The layer's name in case files and JSON.
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

    /// The verdict's name in case files and JSON.
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

    /// The outcome's name in case files and JSON.
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
