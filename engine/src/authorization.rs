//! Evaluates the AuthorizationPolicies of one workload for one filter chain
//! (docs/semantics/istio.md#istio-order).

use crate::{
    compile::{Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{Attribute, AuthorizationLayer, Effect, Rule},
    request::{Attributes, Read, Unavailable},
    rule_id::RuleId,
    switches::CompileSwitches,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// The compiled AuthorizationPolicies of one workload for one filter chain.
#[derive(Debug)]
pub(crate) struct Authorization {
    selected: bool,
    enforced: Ordered,
    audit: Program,
    /// The dry-run policies, if there are any.
    shadow: Option<Ordered>,
}

/// CUSTOM, DENY and ALLOW rules in one program, in this order, so that one lookup finds the first match.
#[derive(Debug)]
struct Ordered {
    rules: Program,
    /// Number of the first rule that is not CUSTOM.
    deny: u32,
    /// Number of the first ALLOW rule.
    allow: u32,
    /// Whether a request that no ALLOW rule matches is denied.
    default_deny: bool,
}

/// The result of the CUSTOM rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CustomOutcome {
    /// No CUSTOM rule matches.
    Pass,
    /// This rule requires the answer of the provider.
    Ask(RuleId, Arc<str>),
    /// This rule denies, because its provider is unknown or the workload has several providers.
    Deny(RuleId),
}

impl Authorization {
    /// Returns the compiled rules of `layer`.
    pub(crate) fn new(layer: &AuthorizationLayer, switches: CompileSwitches) -> Self {
        let any_shadow = layer.shadow_default_deny.is_some() || !layer.shadow_deny.is_empty();
        Self {
            selected: !layer.policies.is_empty(),
            enforced: Ordered::new(
                [&layer.custom, &layer.deny, &layer.allow],
                layer.default_deny.is_some(),
                switches,
            ),
            audit: Program::new(&possible(&layer.audit), switches),
            shadow: any_shadow.then(|| {
                Ordered::new(
                    [&[], &layer.shadow_deny, &layer.shadow_allow],
                    layer.shadow_default_deny.is_some(),
                    switches,
                )
            }),
        }
    }

    /// Returns whether any policy applies.
    pub(crate) fn is_selected(&self) -> bool {
        self.selected
    }

    /// Evaluates the CUSTOM rules and returns their result. A denying rule precedes a rule with a provider.
    #[inline]
    pub(crate) fn custom<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Read<CustomOutcome> {
        if self.enforced.deny == 0 { Ok(CustomOutcome::Pass) } else { self.first_custom(cx) }
    }

    fn first_custom<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Read<CustomOutcome> {
        let mut first = None;
        let mut floor = 0;
        while let Some((number, custom)) = self.enforced.next_custom(cx, floor)? {
            if matches!(custom, CustomOutcome::Deny(_)) {
                return Ok(custom);
            }
            first.get_or_insert(custom);
            floor = number + 1;
        }
        Ok(first.unwrap_or(CustomOutcome::Pass))
    }

    /// Returns the first matching rule of every provider. Allocates.
    pub(crate) fn providers<A: Attributes + ?Sized>(&self, request: &A) -> Read<BTreeMap<Arc<str>, RuleId>> {
        let cx = Context::new(request);
        let mut providers = BTreeMap::new();
        let mut floor = 0;
        while let Some((number, custom)) = self.enforced.next_custom(&cx, floor)? {
            if let CustomOutcome::Ask(id, provider) = custom {
                providers.entry(provider).or_insert(id);
            }
            floor = number + 1;
        }
        Ok(providers)
    }

    /// Evaluates the DENY and ALLOW rules and returns the decision.
    #[inline]
    pub(crate) fn decide<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> LayerDecision {
        if !self.selected {
            return LayerDecision::bare(Outcome::NotSelected);
        }
        self.enforced.decide(cx)
    }

    /// Returns the outcome of [`Self::decide`], or `None` if there are CUSTOM rules.
    #[inline]
    pub(crate) fn outcome<A: Attributes + ?Sized>(&self, request: &A) -> Option<Outcome> {
        if !self.selected {
            return Some(Outcome::NotSelected);
        }
        (self.enforced.deny == 0).then(|| self.enforced.outcome(&Context::new(request)).0)
    }

    /// Evaluates the dry-run policies and returns their decision, or `None` without such policies.
    pub(crate) fn shadow<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Option<LayerDecision> {
        self.shadow.as_ref().map(|shadow| shadow.decide(cx))
    }

    /// Returns the first matching AUDIT rule.
    pub(crate) fn audit<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<RuleId>> {
        let number = self.audit.first_match(&Context::new(request), 0..self.audit.len())?;
        Ok(number.and_then(|n| self.audit.rule(n)).map(|(id, _)| id.clone()))
    }

    /// Returns the attributes that the rules read, without those of AUDIT policies.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        let shadow = self.shadow.iter().flat_map(|shadow| shadow.rules.attributes());
        self.enforced.rules.attributes().chain(shadow)
    }

    /// Returns the effect of the enforced rule `id`.
    pub(crate) fn effect(&self, id: &RuleId) -> Option<&Effect> {
        let rules = &self.enforced.rules;
        let mut found = (0..rules.len()).filter_map(|number| rules.rule(number));
        found.find(|(other, _)| *other == id).map(|(_, effect)| effect)
    }

    /// Evaluates every test of every enforced rule, in the order CUSTOM, DENY, ALLOW, and returns the results.
    pub(crate) fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.enforced.rules.traces(request)
    }
}

/// Returns the rules that can match. Lowering represents a policy without rules by a rule that never matches.
fn possible(rules: &[Rule]) -> Vec<&Rule> {
    rules.iter().filter(|rule| !rule.is_never()).collect()
}

impl Ordered {
    fn new(lists: [&[Rule]; 3], default_deny: bool, switches: CompileSwitches) -> Self {
        let [custom, deny, allow] = lists.map(possible);
        let starts = (custom.len() as u32, (custom.len() + deny.len()) as u32);
        let rules = Program::new(&[custom, deny, allow].concat(), switches);
        Self { rules, deny: starts.0, allow: starts.1, default_deny }
    }

    fn next_custom<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        floor: u32,
    ) -> Read<Option<(u32, CustomOutcome)>> {
        let number = self.rules.first_match(cx, floor..self.deny)?;
        Ok(number.and_then(|n| self.rules.rule(n).map(|rule| (n, rule))).map(
            |(n, (id, effect))| match effect {
                Effect::Ask(provider) => (n, CustomOutcome::Ask(id.clone(), provider.clone())),
                _ => (n, CustomOutcome::Deny(id.clone())),
            },
        ))
    }

    /// Evaluates DENY, then ALLOW, and returns the decision. An unreadable attribute denies the request.
    #[inline]
    fn decide<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> LayerDecision {
        let (outcome, found) = self.outcome(cx);
        let reason = match found.map(|number| number.and_then(|n| self.rules.rule(n))) {
            Ok(Some((id, _))) => return LayerDecision::by_rule(outcome, id.clone()),
            Ok(None) if self.default_deny => DefaultReason::NoAllowRuleMatched,
            Ok(None) => DefaultReason::NoAllowPolicy,
            Err(Unavailable) => DefaultReason::Unavailable,
        };
        LayerDecision::by_default(outcome, reason)
    }

    /// Returns the outcome of the first matching rule, and its number.
    #[inline]
    fn outcome<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> (Outcome, Read<Option<u32>>) {
        let end = if self.default_deny { self.rules.len() } else { self.allow };
        let found = self.rules.first_match(cx, self.deny..end);
        let allows = match found {
            Ok(Some(number)) => number >= self.allow,
            Ok(None) => !self.default_deny,
            Err(Unavailable) => false,
        };
        (if allows { Outcome::Allow } else { Outcome::Deny }, found)
    }
}
