//! The smallest policies and request on which the two still disagree.

use crate::{
    fleet::{Fleet, Subject},
    request::Attempt,
};
use anyhow::Result;
use serde_json::Value;

/// Rounds, each one Envoy that tries every smaller candidate at once.
const ROUNDS: usize = 25;

/// Shrinks a disagreement as far as it goes.
pub(crate) fn shrink(policies: &[Value], attempt: &Attempt, port: u16) -> Result<(Vec<Value>, Attempt)> {
    let (mut policies, mut attempt) = (policies.to_vec(), attempt.clone());
    for _ in 0..ROUNDS {
        let mut candidates: Vec<(Subject, Attempt)> = Vec::new();
        for smaller in smaller_policies(&policies) {
            candidates.extend(Subject::new(smaller).map(|subject| (subject, attempt.clone())));
        }
        for smaller in smaller_attempts(&attempt) {
            candidates.extend(Subject::new(policies.clone()).map(|subject| (subject, smaller)));
        }
        let subjects: Vec<&Subject> = candidates.iter().map(|(subject, _)| subject).collect();
        let fleet = Fleet::start(&subjects, port)?;
        let mut found = None;
        for (route, (subject, smaller)) in candidates.iter().enumerate() {
            if fleet.differs(subject, route, smaller, port)? {
                found = Some((subject.policies.clone(), smaller.clone()));
                break;
            }
        }
        match found {
            Some(smaller) => (policies, attempt) = smaller,
            None => break,
        }
    }
    Ok((policies, attempt))
}

pub(crate) fn smaller_policies(policies: &[Value]) -> Vec<Vec<Value>> {
    let mut out = Vec::new();
    if policies.len() > 1 {
        for at in 0..policies.len() {
            let mut fewer = policies.to_vec();
            fewer.remove(at);
            out.push(fewer);
        }
    }
    for (at, policy) in policies.iter().enumerate().filter(|(_, policy)| policy["spec"]["rules"].is_array()) {
        for rules in smaller(&policy["spec"]["rules"]) {
            let mut changed = policies.to_vec();
            changed[at]["spec"]["rules"] = rules;
            out.push(changed);
        }
    }
    out
}

/// `value` without one of its parts, at any depth.
pub(crate) fn smaller(value: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    match value {
        Value::Array(items) => {
            for at in 0..items.len() {
                let mut fewer = items.clone();
                fewer.remove(at);
                out.push(fewer.into());
            }
            for (at, item) in items.iter().enumerate() {
                for part in smaller(item) {
                    let mut changed = items.clone();
                    changed[at] = part;
                    out.push(changed.into());
                }
            }
        }
        Value::Object(fields) => {
            for key in fields.keys() {
                let mut fewer = fields.clone();
                fewer.remove(key);
                out.push(fewer.into());
            }
            for (key, item) in fields {
                for part in smaller(item) {
                    let mut changed = fields.clone();
                    changed.insert(key.clone(), part);
                    out.push(changed.into());
                }
            }
        }
        _ => {}
    }
    out
}

fn smaller_attempts(attempt: &Attempt) -> Vec<Attempt> {
    let mut out = Vec::new();
    let mut push = |smaller: Attempt| {
        if smaller != *attempt {
            out.push(smaller);
        }
    };
    for at in 0..attempt.headers.len() {
        let mut fewer = attempt.clone();
        fewer.headers.remove(at);
        push(fewer);
    }
    push(Attempt { http2: false, ..attempt.clone() });
    push(Attempt { identity: None, ..attempt.clone() });
    push(Attempt { claims: None, ..attempt.clone() });
    push(Attempt { metadata: None, ..attempt.clone() });
    push(Attempt { method: "GET".into(), ..attempt.clone() });
    push(Attempt { target: "/".into(), ..attempt.clone() });
    push(Attempt { host: "a".into(), ..attempt.clone() });
    for claims in attempt.claims.iter().flat_map(smaller) {
        push(Attempt { claims: Some(claims), ..attempt.clone() });
    }
    out
}
