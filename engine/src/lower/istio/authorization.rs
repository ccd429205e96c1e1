//! Lowers the AuthorizationPolicies of one workload (docs/semantics/istio.md#istio-rule).

use super::{
    Chain, RuleContext,
    attachment::Target,
    ext_authz::ServiceTransport,
    field::{OPERATION_FIELDS, SOURCE_FIELDS},
    provider::Providers,
    value::Dropped,
};
use crate::{
    cluster::Cluster,
    ir::{AuthorizationLayer, Clause, Effect, Group, Predicate, Rule, Section, Test, Text, TextAttribute},
    options::{Options, Profile},
    resource::{
        Object,
        istio::{self, Action, AuthorizationPolicySpec},
    },
    rule_id::{PolicyRef, RuleId},
};
use alloc::{boxed::Box, collections::BTreeSet, sync::Arc, vec::Vec};

type Policy = Object<AuthorizationPolicySpec>;

/// Lowers the AuthorizationPolicies that apply to `target`.
pub(crate) fn authorization(
    cluster: &Cluster,
    target: &Target<'_>,
    chain: Chain,
    options: &Options,
) -> AuthorizationLayer {
    let resources = cluster.resources();
    let policies: Vec<&Policy> = resources
        .authorization_policies
        .iter()
        .filter(|p| {
            let spec = &p.spec;
            target.applies(&p.metadata.namespace, &spec.selector, &spec.target_ref, &spec.target_refs)
        })
        .collect();
    let custom = CustomPolicies::new(cluster, &policies, chain, options);
    let mut layer = AuthorizationLayer::default();
    for policy in policies {
        let reference = Arc::new(policy.reference());
        layer.policies.push(reference.clone());
        let shadow = is_dry_run(policy);
        let action = policy.spec.action.unwrap_or_default();
        let effect = match action {
            Action::Allow => Effect::Allow,
            Action::Deny => Effect::Deny,
            Action::Audit => Effect::Audit,
            Action::Custom => match custom.effect(policy, shadow) {
                Some(effect) => effect,
                None => continue,
            },
        };
        let cx = RuleContext { mesh: &resources.mesh, namespace: &policy.metadata.namespace, action, chain };
        match (action, shadow) {
            (Action::Audit, _) => layer.has_audit = true,
            (Action::Deny, false) => layer.has_deny = true,
            (Action::Deny, true) => layer.has_shadow_deny = true,
            (Action::Allow | Action::Custom, _) => {}
        }
        if action == Action::Allow {
            let default = if shadow { &mut layer.shadow_default_deny } else { &mut layer.default_deny };
            default.get_or_insert_with(|| reference.clone());
        }
        let rules = match (action, shadow) {
            (Action::Allow, false) => &mut layer.allow,
            (Action::Allow, true) => &mut layer.shadow_allow,
            (Action::Deny, false) => &mut layer.deny,
            (Action::Deny, true) => &mut layer.shadow_deny,
            (Action::Audit, _) => &mut layer.audit,
            (Action::Custom, _) => &mut layer.custom,
        };
        lower_rules(policy, &reference, &cx, &effect, rules);
    }
    let unseen = options.profile == Profile::Strict && !options.envoy.peer_names_complete;
    let lists = [
        &mut layer.custom,
        &mut layer.audit,
        &mut layer.deny,
        &mut layer.allow,
        &mut layer.shadow_deny,
        &mut layer.shadow_allow,
    ];
    for rules in lists {
        if unseen {
            rules.iter_mut().for_each(allow_for_unseen_names);
        }
        rules.sort_by_cached_key(|r| r.id.envoy_name());
    }
    layer
}

/// Changes the tests of `rule` for a client whose certificate has further names, which the proxy does not report: each
/// client with a certificate can have a name that denies it.
fn allow_for_unseen_names(rule: &mut Rule) {
    let allows = rule.effect == Effect::Allow;
    let tests =
        rule.groups.iter_mut().flat_map(|group| &mut group.clauses).flat_map(|clause| &mut clause.tests);
    for test in tests.filter(|test| test.negated == allows) {
        if let Predicate::Text(TextAttribute::Identity, patterns) = &mut test.predicate {
            *patterns = Box::new([Text::NonEmpty]);
        }
    }
}

/// Returns the value of `istio.io/dry-run`, in Go's boolean syntax. A policy with an invalid value is enforced
/// (docs/semantics/istio.md#istio-dry-run-values).
fn is_dry_run(policy: &Policy) -> bool {
    let value = policy.metadata.annotations.get(DRY_RUN);
    value.and_then(|v| go_bool(v)).unwrap_or(false)
}

pub(crate) const DRY_RUN: &str = "istio.io/dry-run";

/// Returns the boolean in `text` as Go's `strconv.ParseBool` does.
pub(crate) fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn lower_rules(
    policy: &Policy,
    reference: &Arc<PolicyRef>,
    cx: &RuleContext<'_>,
    effect: &Effect,
    out: &mut Vec<Rule>,
) {
    let rules = policy.spec.rules.as_deref().unwrap_or_default();
    if rules.is_empty() {
        // istiod writes such a rule as one that never matches.
        let never = Group { section: Section::From, clauses: Vec::new() };
        let id = RuleId::new(reference.clone(), 0);
        out.push(Rule { id, effect: effect.clone(), groups: alloc::vec![never] });
    }
    for (number, rule) in (0u32..).zip(rules) {
        if let Some(rule) = rule
            && let Ok(groups) = lower_rule(rule, cx)
        {
            out.push(Rule { id: RuleId::new(reference.clone(), number), effect: effect.clone(), groups });
        }
    }
}

fn lower_rule(rule: &istio::Rule, cx: &RuleContext<'_>) -> Result<Vec<Group>, Dropped> {
    let mut groups = Vec::new();
    let from = rule.from.as_deref().unwrap_or_default();
    let sources = from.iter().map(|f| f.as_ref().and_then(|f| f.source.as_ref()));
    groups.extend(alternatives(Section::From, sources, |index, source| {
        cx.tests(&SOURCE_FIELDS, index, source)
    })?);
    let to = rule.to.as_deref().unwrap_or_default();
    let operations = to.iter().map(|t| t.as_ref().and_then(|t| t.operation.as_ref()));
    groups.extend(alternatives(Section::To, operations, |index, operation| {
        cx.tests(&OPERATION_FIELDS, index, operation)
    })?);
    for (index, condition) in (0u32..).zip(rule.when.as_deref().unwrap_or_default()) {
        if let Some(condition) = condition {
            groups.extend(cx.condition(index, condition)?);
        }
    }
    Ok(groups)
}

/// Returns the group of a list of alternatives, or `None` for an empty list, which restricts nothing.
fn alternatives<'a, T: 'a>(
    section: Section,
    items: impl Iterator<Item = Option<&'a T>>,
    lower: impl Fn(u32, &T) -> Result<Vec<Test>, Dropped>,
) -> Result<Option<Group>, Dropped> {
    let mut clauses = Vec::new();
    for (index, item) in (0u32..).zip(items) {
        let tests = item.map_or(Ok(Vec::new()), |item| lower(index, item))?;
        clauses.push(Clause { tests, index });
    }
    Ok((!clauses.is_empty()).then_some(Group { section, clauses }))
}

/// The effects of CUSTOM policies, by their providers (docs/semantics/istio.md#istio-custom-providers).
struct CustomPolicies<'a> {
    providers: Providers<'a>,
    chain: Chain,
    /// Whether requests that match a CUSTOM policy are denied because the workload has several providers.
    refuse_all: bool,
}

impl<'a> CustomPolicies<'a> {
    fn new(cluster: &'a Cluster, policies: &[&Policy], chain: Chain, options: &'a Options) -> Self {
        let custom = policies.iter().filter(|p| p.spec.action == Some(Action::Custom));
        // Policies in dry run also count.
        let names: BTreeSet<&str> = custom.map(|p| provider(p)).collect();
        let refuse_all = names.len() > 1 && !options.istio.multiple_custom_providers;
        let providers = if names.is_empty() {
            Providers::default()
        } else {
            Providers::with_known(
                &cluster.resources().mesh.extension_providers,
                &options.envoy.known_providers,
            )
        };
        Self { providers, chain, refuse_all }
    }

    /// Returns the effect of `policy`'s rules, or `None` if istiod makes no enforced filter of them.
    fn effect(&self, policy: &Policy, dry_run: bool) -> Option<Effect> {
        let name = provider(policy);
        let is_usable = match self.providers.get(name) {
            Ok(service) if !self.refuse_all => {
                if matches!(service.transport, ServiceTransport::Http(_)) && self.chain == Chain::Tcp {
                    return None;
                }
                true
            }
            _ => false,
        };
        match (is_usable, dry_run) {
            (true, false) => Some(Effect::Ask(name.into())),
            // istiod swaps the two sets of the RBAC filter and enforces the rules in dry run.
            (true, true) => Some(Effect::DryRunCustom(name.into())),
            (false, false) => Some(Effect::Unaskable(name.into())),
            (false, true) => None,
        }
    }
}

fn provider(policy: &Policy) -> &str {
    policy.spec.provider.as_ref().and_then(|p| p.name.as_deref()).unwrap_or_default()
}
