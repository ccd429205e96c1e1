//! Rules that only deny, and by that close everything else (docs/semantics/cilium.md#cilium-deny-only).

use super::{
    assemble::Endpoint,
    policy::{Direction, Lowered, Policy},
};
use crate::{
    ir::{Effect, Selector},
    rule_id::PolicyRef,
};
use alloc::{
    collections::BTreeSet,
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
    /// An endpoint for which nothing else opens the direction; none where the rule selects none that is known.
    pub(crate) endpoint: Option<String>,
}

type Pick = fn(&Policy) -> &Direction;

const DIRECTIONS: [(&str, Pick); 2] = [("ingress", |p| &p.ingress), ("egress", |p| &p.egress)];

impl Lowered {
    /// Every rule whose deny entries arm default deny where no entry of any policy opens anything.
    pub(crate) fn closed_by_deny(&self, endpoints: &[(String, Endpoint<'_>)]) -> Vec<Closed> {
        let mut found = Vec::new();
        for (direction, pick) in DIRECTIONS {
            if !self.policies.iter().any(|p| only_denies(pick(p))) {
                continue;
            }
            let opening = |p: &&Policy| pick(p).entries.iter().any(|e| e.effect != Effect::Deny);
            let opening: Vec<&Policy> = self.policies.iter().filter(opening).collect();
            let subjects: BTreeSet<&Selector> = opening.iter().map(|p| &p.subject).collect();
            let open: Vec<bool> =
                endpoints.iter().map(|(_, e)| opening.iter().any(|p| p.selects(e))).collect();
            for policy in self.policies.iter().filter(|p| only_denies(pick(p))) {
                let Some(first) = pick(policy).entries.first() else { continue };
                let selected = endpoints.iter().zip(&open).filter(|((_, e), _)| policy.selects(e));
                let mut selected = selected.peekable();
                let endpoint = match selected.peek() {
                    Some(_) => match selected.find(|(_, open)| !**open) {
                        Some(((name, _), _)) => Some(name.clone()),
                        None => continue,
                    },
                    None if subjects.contains(&policy.subject) => continue,
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
