//! Decides the AuthorizationPolicies of one workload for one kind of filter chain
//! (docs/semantics/istio.md#istio-order).

use crate::{
    compile::{CompileSwitches, Context, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{Attribute, AuthorizationLayer, Effect, Rule},
    request::{Attributes, Read, Unavailable},
    rule_id::RuleId,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// Compiled AuthorizationPolicies.
#[derive(Debug)]
pub(crate) struct Authorization {
    selected: bool,
    enforced: Steps,
    audit: Program,
    /// What dry-run policies would say; none if there are none.
    shadow: Option<Steps>,
}

/// CUSTOM, DENY and ALLOW rules, in this order in one program: one look at a request finds the first of them.
#[derive(Debug)]
struct Steps {
    rules: Program,
    /// Number of the first rule that is not CUSTOM.
    deny: u32,
    /// Number of the first ALLOW rule.
    allow: u32,
    /// Whether what no ALLOW rule matches is denied.
    default_deny: bool,
}

/// What the CUSTOM step says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Custom {
    /// No CUSTOM rule matches.
    Pass,
    /// This rule wants the provider asked.
    Ask(RuleId, Arc<str>),
    /// This rule refuses: its provider is unknown, or several are named.
    Deny(RuleId),
}

impl Authorization {
    /// Compiles `layer`.
    pub(crate) fn new(layer: &AuthorizationLayer, switches: CompileSwitches) -> Self {
        let any_shadow = layer.shadow_default_deny.is_some() || !layer.shadow_deny.is_empty();
        Self {
            selected: !layer.policies.is_empty(),
            enforced: Steps::new(
                [&layer.custom, &layer.deny, &layer.allow],
                layer.default_deny.is_some(),
                switches,
            ),
            audit: Program::new(&possible(&layer.audit), switches),
            shadow: any_shadow.then(|| {
                Steps::new(
                    [&[], &layer.shadow_deny, &layer.shadow_allow],
                    layer.shadow_default_deny.is_some(),
                    switches,
                )
            }),
        }
    }

    /// Whether any policy applies.
    pub(crate) fn is_selected(&self) -> bool {
        self.selected
    }

    /// The CUSTOM step. A rule that refuses wins over one that asks.
    #[inline]
    pub(crate) fn custom<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Read<Custom> {
        if self.enforced.deny == 0 { Ok(Custom::Pass) } else { self.first_custom(cx) }
    }

    fn first_custom<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Read<Custom> {
        let mut asked = None;
        let mut floor = 0;
        while let Some((number, custom)) = self.enforced.next_custom(cx, floor)? {
            if matches!(custom, Custom::Deny(_)) {
                return Ok(custom);
            }
            asked.get_or_insert(custom);
            floor = number + 1;
        }
        Ok(asked.unwrap_or(Custom::Pass))
    }

    /// The first rule of every provider that has to be asked. Allocates.
    pub(crate) fn asked<A: Attributes + ?Sized>(&self, request: &A) -> Read<BTreeMap<Arc<str>, RuleId>> {
        let cx = Context::new(request);
        let mut asked = BTreeMap::new();
        let mut floor = 0;
        while let Some((number, custom)) = self.enforced.next_custom(&cx, floor)? {
            if let Custom::Ask(id, provider) = custom {
                asked.entry(provider).or_insert(id);
            }
            floor = number + 1;
        }
        Ok(asked)
    }

    /// The DENY and ALLOW steps.
    #[inline]
    pub(crate) fn decide<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> LayerDecision {
        if !self.selected {
            return LayerDecision::bare(Outcome::NotSelected);
        }
        self.enforced.decide(cx)
    }

    /// What [`Self::decide`] says, alone; none if CUSTOM rules have to be asked first.
    #[inline]
    pub(crate) fn outcome<A: Attributes + ?Sized>(&self, request: &A) -> Option<Outcome> {
        if !self.selected {
            return Some(Outcome::NotSelected);
        }
        (self.enforced.deny == 0).then(|| self.enforced.outcome(&Context::new(request)).0)
    }

    /// What the dry-run policies would say; none if there are none.
    pub(crate) fn shadow<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Option<LayerDecision> {
        self.shadow.as_ref().map(|shadow| shadow.decide(cx))
    }

    /// The AUDIT rule that matches, if any.
    pub(crate) fn audit<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<RuleId>> {
        let number = self.audit.first_match(&Context::new(request), 0..self.audit.len())?;
        Ok(number.and_then(|n| self.audit.rule(n)).map(|(id, _)| id.clone()))
    }

    /// What the rules look at, those of AUDIT policies apart.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        let shadow = self.shadow.iter().flat_map(|shadow| shadow.rules.attributes());
        self.enforced.rules.attributes().chain(shadow)
    }

    /// Every enforced rule, looked at in full: CUSTOM, DENY, then ALLOW.
    pub(crate) fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.enforced.rules.traces(request)
    }
}

/// A policy without rules is written down as a rule that never holds; explanations need not name it.
fn possible(rules: &[Rule]) -> Vec<&Rule> {
    rules.iter().filter(|rule| !rule.is_never()).collect()
}

impl Steps {
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
    ) -> Read<Option<(u32, Custom)>> {
        let number = self.rules.first_match(cx, floor..self.deny)?;
        Ok(number.and_then(|n| self.rules.rule(n).map(|rule| (n, rule))).map(
            |(n, (id, effect))| match effect {
                Effect::Ask(provider) => (n, Custom::Ask(id.clone(), provider.clone())),
                _ => (n, Custom::Deny(id.clone())),
            },
        ))
    }

    /// DENY, then ALLOW. What cannot be read denies.
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

    /// What the first rule that holds says, and its number.
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
