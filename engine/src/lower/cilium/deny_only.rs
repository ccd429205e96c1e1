//! Rules that only deny, and by that close everything else (T8).

use super::{
    assemble::Endpoint,
    policy::{Direction, Lowered, Policy},
};
use crate::{ir::Effect, rule_id::PolicyRef};
use alloc::{
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
            for policy in self.policies.iter().filter(|p| only_denies(pick(p))) {
                let Some(first) = pick(policy).entries.first() else { continue };
                let opens = |p: &Policy| pick(p).entries.iter().any(|e| e.effect != Effect::Deny);
                let mut selected = endpoints.iter().filter(|(_, e)| policy.selects(e)).peekable();
                let endpoint = match selected.peek() {
                    Some(_) => {
                        let closed = selected
                            .find(|(_, e)| !self.policies.iter().any(|p| opens(p) && p.selects(e)))
                            .map(|(name, _)| name.clone());
                        if closed.is_none() {
                            continue;
                        }
                        closed
                    }
                    None if self.policies.iter().any(|p| opens(p) && p.subject == policy.subject) => continue,
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
