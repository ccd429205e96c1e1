//! Ten representative decisions, whose instructions and WebAssembly fuel are recorded and compared.

use crate::{
    adversarial, mix, principal,
    requests::{OwnedRequest, RequestParts, compile},
};
use palisade::{PolicySet, Verdict};
use serde_json::Value;
use std::rc::Rc;

/// The number of rules in the policy sets.
const RULES: usize = 1000;

/// A policy set, a request, and the expected verdict.
#[derive(Debug)]
pub struct Decision {
    /// The name of the case.
    pub name: &'static str,
    policies: Rc<Vec<Value>>,
    set: PolicySet,
    request: OwnedRequest,
    verdict: Verdict,
}

/// Policies as objects and compiled.
struct Compiled(Rc<Vec<Value>>, PolicySet);

impl Compiled {
    fn new(policies: Vec<Value>) -> Self {
        let set = compile(policies.iter().cloned());
        Self(Rc::new(policies), set)
    }

    fn decision(&self, name: &'static str, request: OwnedRequest) -> Decision {
        let Self(policies, set) = self;
        let verdict = RequestParts::new(&request).decide(set);
        Decision { name, policies: policies.clone(), set: set.clone(), request, verdict }
    }
}

impl Decision {
    /// Returns the policies as Kubernetes objects.
    pub fn policies(&self) -> &[Value] {
        &self.policies
    }

    /// Returns the request.
    pub fn request(&self) -> &OwnedRequest {
        &self.request
    }

    /// Whether the policies allow the request.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allow
    }

    /// Decides the request with `decide` and checks the verdict.
    ///
    /// # Panics
    ///
    /// If the verdict is not the expected one.
    pub fn run(&self, mut decide: impl FnMut(&PolicySet, &RequestParts<'_>) -> Verdict) {
        let parts = RequestParts::new(&self.request);
        assert_eq!(decide(&self.set, &parts), self.verdict, "{}", self.name);
    }
}

/// Returns the ten decisions.
pub fn all() -> Vec<Decision> {
    let shape = Compiled::new((0..RULES).map(principal::one).collect());
    let mut all = vec![
        shape.decision("principal: last rule", principal::hit(RULES - 1)),
        shape.decision("principal: unknown", principal::miss(0)),
        shape.decision("principal: method", OwnedRequest { method: "POST".into(), ..principal::hit(7) }),
    ];
    let mixed = Compiled::new(mix::policies(RULES));
    for (name, request) in
        ["mix: first", "mix: second", "mix: third"].into_iter().zip(mix::requests(RULES, 3))
    {
        all.push(mixed.decision(name, request));
    }
    for (name, policies, request) in adversarial::cases(RULES) {
        const OTHERS: [&str; 4] = [
            "a ladder with the method at every other step",
            "a path of 64 KiB",
            "an identity of 64 KiB",
            "1,000 headers",
        ];
        if !OTHERS.contains(&name) {
            all.push(Compiled::new(policies).decision(name, request));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_decisions_include_both_verdicts() {
        let all = all();
        assert_eq!(all.len(), 10);
        let allowed = all.iter().filter(|d| d.is_allowed()).count();
        assert!((3..=7).contains(&allowed), "{allowed} are allowed");
    }
}
