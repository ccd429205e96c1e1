//! The CUSTOM rules of a flow: the required providers, and the decision by their answers.

use super::{mesh_request::MeshRequest, types::Flow};
use crate::{
    cluster::Cluster,
    decision::{DecidedBy, Decision, Verdict},
    explain::RuleTrace,
    filter_chain::FilterChain,
    ir::Effect,
    lower::istio::provider::Providers,
};
use alloc::{format, string::String, vec::Vec};

/// Returns the decision of the CUSTOM rules about `request`, or `None` if they allow it.
pub(super) fn decide(flow: &Flow, chain: &FilterChain, request: &MeshRequest) -> Option<Decision> {
    let decision = request.with_custom(|r| chain.decide_custom(r));
    if decision.verdict == Verdict::Allow {
        return None;
    }
    // Dry-run DENY and ALLOW policies see the request after the validation of tokens.
    let later = request.with(|r| chain.decide_after_custom(r));
    let decision = Decision { shadow: later.shadow, ..decision };
    match decision.verdict {
        Verdict::Ask => decide_by_answers(flow, chain, request, decision),
        _ => Some(decision),
    }
}

/// Returns the decision by the answers of the providers, or `None` if all of them allow.
fn decide_by_answers(
    flow: &Flow,
    chain: &FilterChain,
    request: &MeshRequest,
    undecided: Decision,
) -> Option<Decision> {
    let providers = request.with_custom(|r| chain.providers(r));
    for (provider, id) in providers.unwrap_or_default() {
        let by = DecidedBy::Rule(id);
        match flow.ext_authz.get(&*provider) {
            None => return Some(Decision { by, ..undecided }),
            Some(false) => {
                let status = chain.denied_status();
                return Some(Decision { verdict: Verdict::Deny, status, by, ..undecided });
            }
            Some(true) => {}
        }
    }
    None
}

/// Returns every enforced rule with its failed tests. CUSTOM rules see the request before the validation of tokens.
pub(super) fn explain(chain: &FilterChain, request: &MeshRequest) -> Vec<RuleTrace> {
    let is_custom = |trace: &RuleTrace| trace.effect.is_custom();
    let mut rules = request.with_custom(|r| chain.explain(r));
    rules.retain(is_custom);
    rules.extend(request.with(|r| chain.explain(r)).into_iter().filter(|trace| !is_custom(trace)));
    rules
}

/// Returns the reason for which a CUSTOM rule denies a request without a call of its provider.
pub(super) fn note(cluster: &Cluster, chain: &FilterChain, decision: &Decision) -> Option<String> {
    let DecidedBy::Rule(id) = &decision.by else { return None };
    match chain.effect(id)? {
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
