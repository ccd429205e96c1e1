//! Decides the AuthorizationPolicies of one workload for one kind of filter chain (`spec/istio.md` 1.2).

use crate::{
    compile::{CompileSwitches, Program},
    decision::{DefaultReason, LayerDecision, Outcome},
    explain::RuleTrace,
    ir::{AuthorizationLayer, Effect, Rule},
    request::{Attributes, Read},
    rule_id::{PolicyRef, RuleId},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// Compiled AuthorizationPolicies.
#[derive(Debug)]
pub(crate) struct Authorization {
    selected: bool,
    custom: Program,
    audit: Program,
    deny: Program,
    allow: Program,
    default_deny: Option<Arc<PolicyRef>>,
    shadow_deny: Program,
    shadow_allow: Program,
    shadow_default_deny: Option<Arc<PolicyRef>>,
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
        // A policy without rules is written down as a rule that never holds; explanations need not name it.
        let program = |rules: &[Rule]| match rules.iter().any(Rule::is_never) {
            false => Program::new(rules, switches),
            true => {
                let possible: Vec<Rule> = rules.iter().filter(|r| !r.is_never()).cloned().collect();
                Program::new(&possible, switches)
            }
        };
        Self {
            selected: !layer.policies.is_empty(),
            custom: program(&layer.custom),
            audit: program(&layer.audit),
            deny: program(&layer.deny),
            allow: program(&layer.allow),
            default_deny: layer.default_deny.clone(),
            shadow_deny: program(&layer.shadow_deny),
            shadow_allow: program(&layer.shadow_allow),
            shadow_default_deny: layer.shadow_default_deny.clone(),
        }
    }

    /// Whether any policy applies.
    pub(crate) fn is_selected(&self) -> bool {
        self.selected
    }

    /// The CUSTOM step. A rule that refuses wins over one that asks.
    pub(crate) fn custom<A: Attributes + ?Sized>(&self, request: &A) -> Read<Custom> {
        let mut asked = None;
        let mut floor = 0;
        while let Some((number, custom)) = self.next_custom(request, floor)? {
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
        let mut asked = BTreeMap::new();
        let mut floor = 0;
        while let Some((number, custom)) = self.next_custom(request, floor)? {
            if let Custom::Ask(id, provider) = custom {
                asked.entry(provider).or_insert(id);
            }
            floor = number + 1;
        }
        Ok(asked)
    }

    fn next_custom<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<(u32, Custom)>> {
        let number = self.custom.first_match(request, floor)?;
        Ok(number.and_then(|n| self.custom.rule(n).map(|rule| (n, rule))).map(
            |(n, (id, effect))| match effect {
                Effect::Ask(provider) => (n, Custom::Ask(id.clone(), provider.clone())),
                _ => (n, Custom::Deny(id.clone())),
            },
        ))
    }

    /// The DENY and ALLOW steps.
    pub(crate) fn decide<A: Attributes + ?Sized>(&self, request: &A) -> LayerDecision {
        if !self.selected {
            return LayerDecision::bare(Outcome::NotSelected);
        }
        steps(&self.deny, &self.allow, self.default_deny.is_some(), request)
    }

    /// What the dry-run policies would say; none where there are none.
    pub(crate) fn shadow<A: Attributes + ?Sized>(&self, request: &A) -> Option<LayerDecision> {
        let any = self.shadow_default_deny.is_some() || !self.shadow_deny.is_empty();
        any.then(|| steps(&self.shadow_deny, &self.shadow_allow, self.shadow_default_deny.is_some(), request))
    }

    /// The AUDIT rule that matches, if any.
    pub(crate) fn audit<A: Attributes + ?Sized>(&self, request: &A) -> Read<Option<RuleId>> {
        let number = self.audit.first_match(request, 0)?;
        Ok(number.and_then(|n| self.audit.rule(n)).map(|(id, _)| id.clone()))
    }

    /// Every enforced rule, looked at in full: CUSTOM, DENY, then ALLOW.
    pub(crate) fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        let programs = [&self.custom, &self.deny, &self.allow];
        programs.into_iter().flat_map(|program| program.traces(request)).collect()
    }
}

/// DENY, then ALLOW. What cannot be read denies.
fn steps<A: Attributes + ?Sized>(
    deny: &Program,
    allow: &Program,
    default_deny: bool,
    request: &A,
) -> LayerDecision {
    let first = |program: &Program| -> Read<Option<RuleId>> {
        let number = program.first_match(request, 0)?;
        Ok(number.and_then(|n| program.rule(n)).map(|(id, _)| id.clone()))
    };
    let unavailable = LayerDecision::by_default(Outcome::Deny, DefaultReason::Unavailable);
    match first(deny) {
        Ok(Some(id)) => return LayerDecision::by_rule(Outcome::Deny, id),
        Ok(None) => {}
        Err(_) => return unavailable,
    }
    if !default_deny {
        return LayerDecision::by_default(Outcome::Allow, DefaultReason::NoAllowPolicy);
    }
    match first(allow) {
        Ok(Some(id)) => LayerDecision::by_rule(Outcome::Allow, id),
        Ok(None) => LayerDecision::by_default(Outcome::Deny, DefaultReason::NoAllowRuleMatched),
        Err(_) => unavailable,
    }
}
