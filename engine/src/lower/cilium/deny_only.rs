//! Rules that only deny, and by that close everything else (docs/semantics/cilium.md#cilium-deny-only).

use super::{
    assemble::Endpoint,
    policy::{Direction, Lowered, Policy},
};
use crate::{ir::Effect, rule_id::PolicyRef};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

/// A direction that a rule closes by denying.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub(crate) policy: Arc<PolicyRef>,
    /// Where its deny entries stand in the object.
    pub(crate) path: String,
    /// `ingress` or `egress`.
    pub(crate) direction: &'static str,
    /// An endpoint for which nothing else opens the direction; none if the rule selects none that is known.
    pub(crate) endpoint: Option<String>,
}

type Pick = fn(&Policy) -> &Direction;

const DIRECTIONS: [(&str, Pick); 2] = [("ingress", |p| &p.ingress), ("egress", |p| &p.egress)];

impl Lowered {
    /// Every rule whose deny entries arm default deny where no entry of any policy opens anything.
    pub(crate) fn closed_by_deny(&self, endpoints: &[(String, Endpoint<'_>)]) -> Vec<Closed> {
        let mut found = Vec::new();
        let subjects = self.subjects.of_policies();
        for (direction, pick) in DIRECTIONS {
            if !self.policies.iter().any(|p| only_denies(pick(p))) {
                continue;
            }
            let opens = |p: &Policy| pick(p).entries.iter().any(|e| e.effect != Effect::Deny);
            let opening: BTreeSet<usize> = subjects
                .iter()
                .filter(|(policy, _)| self.policies.get(**policy).is_some_and(opens))
                .map(|(_, subject)| *subject)
                .collect();
            // Of each subject that selects an endpoint, the first that nothing opens.
            let mut first_closed: BTreeMap<usize, Option<&String>> = BTreeMap::new();
            for (name, endpoint) in endpoints {
                let selecting = self.subjects.selecting(endpoint);
                let open = selecting.iter().any(|subject| opening.contains(subject));
                for subject in selecting {
                    let closed = first_closed.entry(subject).or_default();
                    *closed = closed.or((!open).then_some(name));
                }
            }
            for (place, policy) in self.policies.iter().enumerate().filter(|(_, p)| only_denies(pick(p))) {
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
}

fn only_denies(direction: &Direction) -> bool {
    direction.arms
        && !direction.entries.is_empty()
        && direction.entries.iter().all(|e| e.effect == Effect::Deny)
}
