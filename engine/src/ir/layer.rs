//! The lowered policies of one workload, layer by layer.

use super::Rule;
use crate::rule_id::{PolicyRef, RuleId};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

/// The AuthorizationPolicies of one workload for one kind of filter chain (HTTP or TCP).
///
/// Every list is sorted as Envoy walks it: by [`RuleId::envoy_name`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationLayer {
    /// Every policy that applies, dry-run ones included.
    pub policies: Vec<Arc<PolicyRef>>,
    /// Enforced CUSTOM rules.
    pub custom: Vec<Rule>,
    /// Whether an AUDIT policy applies, even if no rule of it is left.
    pub has_audit: bool,
    /// Enforced AUDIT rules.
    pub audit: Vec<Rule>,
    /// Whether an enforced DENY policy applies, even if no rule of it is left.
    pub has_deny: bool,
    /// Enforced DENY rules.
    pub deny: Vec<Rule>,
    /// Enforced ALLOW rules.
    pub allow: Vec<Rule>,
    /// The first enforced ALLOW policy, whose mere presence denies what no rule allows
    /// (docs/semantics/istio.md#istio-implicit-deny).
    pub default_deny: Option<Arc<PolicyRef>>,
    /// Whether a dry-run DENY policy applies, even if no rule of it is left.
    pub has_shadow_deny: bool,
    /// Dry-run DENY rules.
    pub shadow_deny: Vec<Rule>,
    /// Dry-run ALLOW rules.
    pub shadow_allow: Vec<Rule>,
    /// The first dry-run ALLOW policy.
    pub shadow_default_deny: Option<Arc<PolicyRef>>,
}

/// What a workload's port does with mutual TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerMode {
    /// Mutual TLS is not terminated.
    Disable,
    /// Plaintext and mutual TLS are both accepted.
    #[default]
    Permissive,
    /// Only mutual TLS is accepted.
    Strict,
}

/// The effective PeerAuthentication of one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerLayer {
    /// Mode of ports that are not listed, and the policy it came from.
    pub mode: PeerMode,
    /// The policy that set the mode; none when no policy applies.
    pub by: Option<Arc<PolicyRef>>,
    /// Modes of single workload ports.
    pub ports: BTreeMap<u16, PeerMode>,
    /// The policy that set the port modes.
    pub ports_by: Option<Arc<PolicyRef>>,
}

/// What happens to a flow that no rule of a direction matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posture {
    /// No policy selects the endpoint for this direction.
    #[default]
    Open,
    /// Policies select it, none of which arms default deny.
    DefaultAllow,
    /// Default deny is armed.
    DefaultDeny,
}

/// The network policies of one endpoint in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionLayer {
    /// What an unmatched flow gets.
    pub posture: Posture,
    /// The policies that select the endpoint in this direction.
    pub policies: Vec<Arc<PolicyRef>>,
    /// Rules in order of precedence: the first that holds decides. Tiers are cut by `tiers`.
    pub rules: Vec<Rule>,
    /// Index into `rules` where each next tier begins, ascending; a [`super::Effect::Pass`] jumps to the next.
    pub tiers: Vec<u32>,
    /// Index into `rules` where each stage behind a [`super::Effect::Proceed`] begins, ascending.
    pub stages: Vec<u32>,
    /// Index into `rules` where the walk resumes behind each [`super::Effect::Refuse`], ascending: a flow that the proxy
    /// does not let through at one level may be let through at a level of lower precedence.
    pub resumes: Vec<u32>,
    /// Rules of the DNS proxy, where a [`super::Effect::Redirect`] leads: the first that holds decides.
    pub lookups: Vec<Rule>,
    /// Whether the local host passes where no rule matched.
    pub from_host: bool,
    /// Flows of which one of these holds have their TLS ended by the proxy, which then reads their requests.
    pub terminated: Vec<Rule>,
    /// toFQDNs rules for whose names no DNS rule lets the endpoint ask
    /// (docs/semantics/cilium.md#cilium-lookup-and-connection).
    pub unlearnable: Vec<Unlearnable>,
}

/// A toFQDNs rule that can never have an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlearnable {
    /// The rule.
    pub id: RuleId,
    /// Its names that nobody may ask for, as written.
    pub names: Vec<Box<str>>,
}

/// The network policies of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkLayer {
    /// What the endpoint may reach.
    pub egress: DirectionLayer,
    /// Who may reach it.
    pub ingress: DirectionLayer,
    /// Why the agent cannot compute the endpoint's policy, where it cannot: it then keeps the old one.
    pub error: Option<Box<str>>,
}
