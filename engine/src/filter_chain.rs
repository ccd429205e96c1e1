//! The compiled AuthorizationPolicies that apply to one filter chain of a proxy: HTTP requests or TCP connections.

use crate::{
    authorization::{Authorization, CustomOutcome},
    compile::Context,
    decision::{DecidedBy, Decision, DefaultReason, Layer, LayerDecision, Outcome, Verdict},
    explain::RuleTrace,
    ir::{Attribute, AuthorizationLayer, Effect},
    options::Profile,
    request::{Attributes, Read},
    rule_id::RuleId,
    strict::{Strict, View},
    switches::CompileSwitches,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// The compiled AuthorizationPolicies of one workload for HTTP requests or for TCP connections.
///
/// [`crate::PolicySet::http`] and [`crate::PolicySet::tcp`] return it. The policies for TCP connections omit the fields
/// that need a request (docs/semantics/istio.md#istio-http-only-fields).
#[derive(Debug)]
pub struct FilterChain {
    policies: Authorization,
    profile: Profile,
    denied_status: Option<u16>,
}

/// The actions of AuthorizationPolicy that a decision covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Actions {
    All,
    Custom,
    DenyAndAllow,
}

impl FilterChain {
    pub(crate) fn http(layer: &AuthorizationLayer, profile: Profile, switches: CompileSwitches) -> Self {
        Self { policies: Authorization::new(layer, switches), profile, denied_status: Some(403) }
    }

    pub(crate) fn tcp(layer: &AuthorizationLayer, profile: Profile, switches: CompileSwitches) -> Self {
        Self { policies: Authorization::new(layer, switches), profile, denied_status: None }
    }

    /// Returns the decision about a request or connection. Allocates nothing.
    ///
    /// The verdict is [`Verdict::Ask`] if a CUSTOM rule requires the answer of its provider. If all [`Self::providers`]
    /// allow the request, [`Self::decide_after_custom`] decides it.
    #[inline]
    pub fn decide<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.decide_by(Actions::All, request)
    }

    /// Returns the verdict of [`Self::decide`] without its reason, at a lower cost. Does not evaluate dry-run policies.
    ///
    /// ```
    /// # use palisade::{Options, Policies, Request, Verdict, Workload};
    /// let policies = Policies::default().validate(&Options::default())?;
    /// let set = policies.policy_set(&Workload::new("foo", [], "sample"));
    /// assert_eq!(set.http().verdict(&Request::default()), Verdict::Allow);
    /// # Ok::<(), palisade::ValidationError>(())
    /// ```
    #[inline]
    pub fn verdict<A: Attributes + ?Sized>(&self, request: &A) -> Verdict {
        let outcome = if self.profile == Profile::Compat { self.policies.outcome(request) } else { None };
        outcome.map_or_else(|| self.decide(request).verdict, Outcome::verdict)
    }

    /// Returns the decision about a request or connection that all providers of CUSTOM rules allow: by its DENY and
    /// ALLOW rules.
    #[inline]
    pub fn decide_after_custom<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.decide_by(Actions::DenyAndAllow, request)
    }

    /// Returns the decision by the CUSTOM rules alone, which precede the validation of tokens. Without a match the
    /// verdict is allow.
    pub(crate) fn decide_custom<A: Attributes + ?Sized>(&self, request: &A) -> Decision {
        self.decide_by(Actions::Custom, request)
    }

    /// Returns the external providers of the matching CUSTOM rules, each with its first matching rule. All of them have
    /// to allow the request. Allocates.
    ///
    /// # Errors
    ///
    /// An attribute could not be read.
    pub fn providers<A: Attributes + ?Sized>(&self, request: &A) -> Read<BTreeMap<Arc<str>, RuleId>> {
        self.policies.providers(request)
    }

    /// Returns every enforced rule with the tests that failed: CUSTOM, DENY, then ALLOW. Allocates.
    pub fn explain<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.policies.traces(request)
    }

    /// Returns the first matching rule of the AUDIT policies.
    ///
    /// # Errors
    ///
    /// An attribute could not be read.
    pub fn audit<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<RuleId>> {
        self.policies.audit(request)
    }

    /// Returns the attributes that the rules read, without those of AUDIT rules; an attribute may occur several times.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.policies.attributes()
    }

    /// Returns whether any AuthorizationPolicy applies.
    pub fn is_selected(&self) -> bool {
        self.policies.is_selected()
    }

    /// Returns the HTTP status of a denied request, or `None` for a TCP connection.
    pub(crate) fn denied_status(&self) -> Option<u16> {
        self.denied_status
    }

    /// Returns the effect of the enforced rule `id`. Searches all rules.
    pub(crate) fn effect(&self, id: &RuleId) -> Option<&Effect> {
        self.policies.effect(id)
    }

    /// Returns the decision by the rules of `actions`. The profile strict also evaluates the request in each [`View`],
    /// and returns the first decision that is not allow.
    fn decide_by<A: Attributes + ?Sized>(&self, actions: Actions, request: &A) -> Decision {
        let decision = self.evaluate(actions, request);
        if self.profile == Profile::Compat || decision.verdict != Verdict::Allow {
            return decision;
        }
        let mut decisions =
            View::ALL.into_iter().map(|view| self.evaluate(actions, &Strict { request, view }));
        decisions.find(|d| d.verdict != Verdict::Allow).unwrap_or(decision)
    }

    #[inline]
    fn evaluate<A: Attributes + ?Sized>(&self, actions: Actions, request: &A) -> Decision {
        let cx = Context::new(request);
        let custom = match actions {
            Actions::DenyAndAllow => Ok(CustomOutcome::Pass),
            Actions::All | Actions::Custom => self.policies.custom(&cx),
        };
        let LayerDecision { outcome, by } = match custom {
            Ok(CustomOutcome::Pass) if actions == Actions::Custom => LayerDecision::bare(Outcome::Allow),
            Ok(CustomOutcome::Pass) => self.policies.decide(&cx),
            Ok(CustomOutcome::Ask(id, _)) => LayerDecision::by_rule(Outcome::Ask, id),
            Ok(CustomOutcome::Deny(id)) => LayerDecision::by_rule(Outcome::Deny, id),
            Err(_) => LayerDecision::by_default(Outcome::Deny, DefaultReason::Unavailable),
        };
        let verdict = outcome.verdict();
        Decision {
            verdict,
            layer: Layer::AuthorizationPolicy,
            by: match by {
                Some(by) => by,
                None => DecidedBy::Default(DefaultReason::NoPolicy),
            },
            status: self.denied_status.filter(|_| verdict == Verdict::Deny),
            shadow: self.policies.shadow(&cx),
        }
    }
}
