//! The CUSTOM step of a flow: which providers are asked, and what their answers mean.

use super::{Flow, MeshRequest};
use crate::{
    cluster::Cluster,
    decision::{DecidedBy, Decision, Verdict},
    explain::RuleTrace,
    ir::Effect,
    lower::istio::provider::Providers,
    policy_set::PolicySet,
};
use alloc::{format, string::String, vec::Vec};

/// Returns the decision of the CUSTOM rules about `request`, or `None` if they let it pass.
pub(super) fn decide(flow: &Flow, set: &PolicySet, request: &MeshRequest, tcp: bool) -> Option<Decision> {
    let decision = request.with_custom(|r| match tcp {
        true => set.decide_connection_custom(r),
        false => set.decide_custom(r),
    });
    if decision.verdict == Verdict::Allow {
        return None;
    }
    // Dry-run policies of the later steps see the request as those do.
    let later = request.with(|r| match tcp {
        true => set.decide_connection_after_custom(r),
        false => set.decide_after_custom(r),
    });
    let decision = Decision { shadow: later.shadow, ..decision };
    match decision.verdict {
        Verdict::Ask => ask(flow, set, request, tcp, decision),
        _ => Some(decision),
    }
}

/// Returns the decision that the providers' answers give, or `None` if all of them allow.
fn ask(flow: &Flow, set: &PolicySet, request: &MeshRequest, tcp: bool, asked: Decision) -> Option<Decision> {
    let providers =
        request.with_custom(|r| if tcp { set.providers_of_connection(r) } else { set.providers(r) });
    for (provider, id) in providers.unwrap_or_default() {
        let by = DecidedBy::Rule(id);
        match flow.ext_authz.get(&*provider) {
            None => return Some(Decision { by, ..asked }),
            Some(false) => {
                let status = (!tcp).then_some(403);
                return Some(Decision { verdict: Verdict::Deny, status, by, ..asked });
            }
            Some(true) => {}
        }
    }
    None
}

/// Every enforced rule, CUSTOM rules with the request as they see it.
pub(super) fn explain(set: &PolicySet, request: &MeshRequest, tcp: bool) -> Vec<RuleTrace> {
    let traces = |r: &crate::Request<'_>| if tcp { set.explain_connection(r) } else { set.explain(r) };
    let is_custom = |trace: &RuleTrace| trace.effect.is_custom();
    let mut rules = request.with_custom(traces);
    rules.retain(is_custom);
    rules.extend(request.with(traces).into_iter().filter(|trace| !is_custom(trace)));
    rules
}

/// Why a CUSTOM rule denies what it matches without asking its provider.
pub(super) fn note(cluster: &Cluster, rules: &[RuleTrace], decision: &Decision) -> Option<String> {
    let DecidedBy::Rule(id) = &decision.by else { return None };
    let rule = rules.iter().find(|rule| rule.id == *id)?;
    match &rule.effect {
        Effect::DryRunCustom(_) => Some("istiod enforces a CUSTOM policy in dry run as a DENY policy".into()),
        Effect::Unaskable(provider) => {
            let providers = Providers::new(&cluster.resources().mesh.extension_providers);
            let reason = match providers.get(provider) {
                Ok(_) => format!("provider `{provider}` is one of several CUSTOM providers of this workload"),
                Err(reason) => format!("extension provider `{provider}`: {reason}"),
            };
            Some(format!("{reason}; istiod denies every request that the policy matches"))
        }
        _ => None,
    }
}
