//! Rules with deny entries alone, which enable default deny (docs/semantics/cilium.md#cilium-deny-only).

use super::{
    super::super::{
        lower::Lowered,
        model::{Direction, Policy},
    },
    objects::{NamedEndpoint, Objects},
};
use crate::{
    diagnostic::{Diagnostic, Findings},
    ir::Effect,
    rule_id::PolicyRef,
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

/// Warns of each rule with deny entries alone where no policy allows a flow of that direction.
pub(super) fn check(
    lowered: &Lowered,
    endpoints: &[NamedEndpoint<'_>],
    objects: &Objects<'_>,
    findings: &mut Findings,
) {
    for Closed { policy, path, direction, endpoint } in closed_by_deny(lowered, endpoints) {
        let of = endpoint.map_or_else(String::new, |e| format!(" of {e}"));
        let message = format!("deny entries alone arm default deny: all other {direction}{of} is closed too");
        let help = format!("set `enableDefaultDeny: {{{direction}: false}}`, or allow the rest");
        objects.add(&policy, Diagnostic::warning("deny-only", message).at(path).help(help), findings);
    }
}

/// A direction that deny entries alone close.
struct Closed {
    policy: Arc<PolicyRef>,
    /// The path of its deny entries.
    path: String,
    /// `ingress` or `egress`.
    direction: &'static str,
    /// An endpoint without another policy that allows a flow; `None` if the rule selects no known endpoint.
    endpoint: Option<String>,
}

type Pick = fn(&Policy) -> &Direction;

const DIRECTIONS: [(&str, Pick); 2] = [("ingress", |p| &p.ingress), ("egress", |p| &p.egress)];

/// Returns each rule whose deny entries enable default deny, if no entry of a policy allows or passes a flow.
fn closed_by_deny(lowered: &Lowered, endpoints: &[NamedEndpoint<'_>]) -> Vec<Closed> {
    let mut found = Vec::new();
    let subjects = lowered.subjects().of_policies();
    for (direction, pick) in DIRECTIONS {
        if !lowered.policies().iter().any(|p| only_denies(pick(p))) {
            continue;
        }
        let opens = |p: &Policy| pick(p).entries.iter().any(|e| e.effect != Effect::Deny);
        let opening: BTreeSet<usize> = subjects
            .iter()
            .filter(|(policy, _)| lowered.policies().get(**policy).is_some_and(opens))
            .map(|(_, subject)| *subject)
            .collect();
        // For each subject that selects an endpoint, the first endpoint that no policy opens.
        let mut first_closed: BTreeMap<usize, Option<&String>> = BTreeMap::new();
        for (name, endpoint) in endpoints {
            let selecting = lowered.subjects().selecting(endpoint);
            let open = selecting.iter().any(|subject| opening.contains(subject));
            for subject in selecting {
                let closed = first_closed.entry(subject).or_default();
                *closed = closed.or((!open).then_some(name));
            }
        }
        for (place, policy) in lowered.policies().iter().enumerate().filter(|(_, p)| only_denies(pick(p))) {
            let Some(first) = pick(policy).entries.first() else { continue };
            let Some(subject) = subjects.get(&place) else { continue };
            let endpoint = match first_closed.get(subject) {
                Some(Some(name)) => Some((*name).clone()),
                Some(None) => continue,
                None if opening.contains(subject) => continue,
                None => None,
            };
            let path = first.path.rsplit_once('[').map_or(first.path.as_str(), |(list, _)| list);
            found.push(Closed {
                policy: policy.reference.clone(),
                path: path.to_string(),
                direction,
                endpoint,
            });
        }
    }
    found
}

fn only_denies(direction: &Direction) -> bool {
    direction.enables_default_deny
        && !direction.entries.is_empty()
        && direction.entries.iter().all(|e| e.effect == Effect::Deny)
}
