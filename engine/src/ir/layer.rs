//! The lowered policies of one workload, by layer.

use super::Rule;
use crate::rule_id::{PolicyRef, RuleId};
use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

/// The AuthorizationPolicies of one workload for one kind of filter chain (HTTP or TCP).
///
/// Every list is in the order in which Envoy evaluates it: by [`RuleId::envoy_name`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorizationLayer {
    /// Every policy that applies, including dry-run policies.
    pub policies: Vec<Arc<PolicyRef>>,
    /// Enforced CUSTOM rules.
    pub custom: Vec<Rule>,
    /// Whether an AUDIT policy applies, even if all its rules are dropped.
    pub has_audit: bool,
    /// Enforced AUDIT rules.
    pub audit: Vec<Rule>,
    /// Whether an enforced DENY policy applies, even if all its rules are dropped.
    pub has_deny: bool,
    /// Enforced DENY rules.
    pub deny: Vec<Rule>,
    /// Enforced ALLOW rules.
    pub allow: Vec<Rule>,
    /// The first enforced ALLOW policy. If there is one, a request that no rule allows is denied
    /// (docs/semantics/istio.md#istio-implicit-deny).
    pub default_deny: Option<Arc<PolicyRef>>,
    /// Whether a dry-run DENY policy applies, even if all its rules are dropped.
    pub has_shadow_deny: bool,
    /// Dry-run DENY rules.
    pub shadow_deny: Vec<Rule>,
    /// Dry-run ALLOW rules.
    pub shadow_allow: Vec<Rule>,
    /// The first dry-run ALLOW policy.
    pub shadow_default_deny: Option<Arc<PolicyRef>>,
}

/// The mutual TLS mode of a workload's port.
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
    /// The mode of ports without an entry in `ports`.
    pub mode: PeerMode,
    /// The policy that sets the mode; `None` if no policy applies.
    pub by: Option<Arc<PolicyRef>>,
    /// The modes of single workload ports.
    pub ports: BTreeMap<u16, PeerMode>,
    /// The policy that sets the port modes.
    pub ports_by: Option<Arc<PolicyRef>>,
}

/// The default action: the result of a flow that no rule of a direction matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Posture {
    /// No policy selects the endpoint for this direction.
    #[default]
    Open,
    /// Policies select it, but none enables default deny.
    DefaultAllow,
    /// A policy enables default deny.
    DefaultDeny,
}

/// The network policies of one endpoint in one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectionLayer {
    /// The default action.
    pub posture: Posture,
    /// The policies that select the endpoint in this direction.
    pub policies: Vec<Arc<PolicyRef>>,
    /// Rules in order of precedence: the first that matches decides. `tiers` divides them into tiers.
    pub rules: Vec<Rule>,
    /// Index into `rules` of the start of each next tier, ascending; [`super::Effect::Pass`] continues there.
    pub tiers: Vec<u32>,
    /// Index into `rules` of the start of each stage after a [`super::Effect::Proceed`], ascending.
    pub stages: Vec<u32>,
    /// Index into `rules` at which the evaluation resumes after each [`super::Effect::Refuse`], ascending: a level of lower
    /// precedence can allow a flow that the proxy denies at one level.
    pub resumes: Vec<u32>,
    /// Rules of the DNS proxy, for flows with [`super::Effect::Redirect`]: the first that matches decides.
    pub lookups: Vec<Rule>,
    /// Whether the layer allows the local host if no rule matches.
    pub from_host: bool,
    /// The rules for terminated TLS: the proxy terminates the TLS of a flow that one of them matches, and reads its requests.
    pub terminated: Vec<Rule>,
    /// `toFQDNs` rules with names that no DNS rule allows the endpoint to look up
    /// (docs/semantics/cilium.md#cilium-lookup-and-connection).
    pub unlearnable: Vec<Unlearnable>,
}

/// A `toFQDNs` rule that never has an address, because no DNS rule allows the lookup of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unlearnable {
    /// The rule.
    pub id: RuleId,
    /// Its names that the endpoint cannot look up, as the policy states them.
    pub names: Vec<Box<str>>,
}

/// The network policies of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkLayer {
    /// The rules for flows from the endpoint.
    pub egress: DirectionLayer,
    /// The rules for flows to the endpoint.
    pub ingress: DirectionLayer,
    /// The error of the agent if it cannot compute the endpoint's policy. It then keeps the previous policy.
    pub error: Option<Box<str>>,
}
