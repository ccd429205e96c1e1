//! Shrinking: the smallest policies and request with a disagreement.

use crate::{
    multiplexed_envoy::{MultiplexedEnvoy, PolicyUnderTest},
    sample::Sample,
};
use anyhow::Result;
use serde_json::Value;

/// Rounds; in each, one Envoy tries every smaller candidate.
const ROUNDS: usize = 25;

/// Returns the smallest policies and sample, derived from these, with a disagreement.
pub(crate) fn shrink(policies: &[Value], sample: &Sample, port: u16) -> Result<(Vec<Value>, Sample)> {
    let (mut policies, mut sample) = (policies.to_vec(), sample.clone());
    for _ in 0..ROUNDS {
        let mut candidates: Vec<(PolicyUnderTest, Sample)> = Vec::new();
        for smaller in smaller_policies(&policies) {
            candidates.extend(PolicyUnderTest::new(smaller).map(|subject| (subject, sample.clone())));
        }
        for smaller in smaller_samples(&sample) {
            candidates.extend(PolicyUnderTest::new(policies.clone()).map(|subject| (subject, smaller)));
        }
        let subjects: Vec<&PolicyUnderTest> = candidates.iter().map(|(subject, _)| subject).collect();
        let envoy = MultiplexedEnvoy::start(&subjects, port)?;
        let mut found = None;
        for (route, (subject, smaller)) in candidates.iter().enumerate() {
            if envoy.differs(subject, route, smaller, port)? {
                found = Some((subject.policies.clone(), smaller.clone()));
                break;
            }
        }
        match found {
            Some(smaller) => (policies, sample) = smaller,
            None => break,
        }
    }
    Ok((policies, sample))
}

/// Returns `policies` without one of the policies, or without a part of one policy's rules.
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

/// Returns `value` without one of its parts, at any depth.
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

fn smaller_samples(sample: &Sample) -> Vec<Sample> {
    let mut out = Vec::new();
    let mut push = |smaller: Sample| {
        if smaller != *sample {
            out.push(smaller);
        }
    };
    for at in 0..sample.headers.len() {
        let mut fewer = sample.clone();
        fewer.headers.remove(at);
        push(fewer);
    }
    push(Sample { http2: false, ..sample.clone() });
    push(Sample { identity: None, ..sample.clone() });
    push(Sample { claims: None, ..sample.clone() });
    push(Sample { metadata: None, ..sample.clone() });
    push(Sample { method: "GET".into(), ..sample.clone() });
    push(Sample { target: "/".into(), ..sample.clone() });
    push(Sample { host: "a".into(), ..sample.clone() });
    for claims in sample.claims.iter().flat_map(smaller) {
        push(Sample { claims: Some(claims), ..sample.clone() });
    }
    out
}
