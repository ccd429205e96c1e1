//! Random rules: groups of clauses of tests.

use super::{pattern, request};
use crate::sample::Sample;
use palisade::{
    PolicyRef, RuleId,
    ir::{Clause, Effect, Group, Rule, Section, Test},
};
use proptest::{collection::vec, prelude::*};
use std::sync::Arc;

/// Returns a test with a number of patterns in `patterns`.
fn test(patterns: core::ops::Range<usize>, negation: u32) -> impl Strategy<Value = Test> {
    pattern::attribute().prop_flat_map(move |attribute| {
        let predicate = pattern::predicate(&attribute, patterns.clone());
        (predicate, prop::bool::weighted(f64::from(negation) / 100.0))
            .prop_map(|(predicate, negated)| Test { negated, ..Test::new(predicate) })
    })
}

/// Returns one attribute of a connection, rules with a single test of it, and values of it.
///
/// Requests differ only in that attribute, so the same time suffices for far more of them than of complete requests.
pub fn one_attribute(
    count: core::ops::Range<usize>,
    values: core::ops::Range<usize>,
) -> impl Strategy<Value = (Vec<Rule>, Vec<Sample>)> {
    pattern::of_connections().prop_flat_map(move |attribute| {
        let predicate = pattern::predicate(&attribute, 1..12);
        let group = (predicate, prop::bool::weighted(0.1)).prop_map(|(predicate, negated)| {
            let tests = vec![Test { negated, ..Test::new(predicate) }];
            vec![Group { section: Section::Peer, clauses: vec![Clause { tests, index: 0 }] }]
        });
        let rules = vec(group, count.clone()).prop_map(numbered);
        (rules, vec(request::with(&attribute), values.clone()))
    })
}

fn numbered(parts: Vec<Vec<Group>>) -> Vec<Rule> {
    let policy = Arc::new(PolicyRef { kind: "AuthorizationPolicy", namespace: "n".into(), name: "p".into() });
    (0..)
        .zip(parts)
        .map(|(n, groups)| Rule { id: RuleId::new(Arc::clone(&policy), n), effect: Effect::Allow, groups })
        .collect()
}

/// Returns rules of every form, also empty ones.
pub fn rules(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    let clause = vec(test(0..4, 20), 0..3).prop_map(|tests| Clause { tests, index: 0 });
    let group = prop_oneof![
        1 => Just(Vec::new()),
        12 => vec(clause, 1..4),
    ]
    .prop_map(|clauses| Group { section: Section::From, clauses });
    vec(vec(group, 0..4), count).prop_map(numbered)
}

/// Returns rules with several conditions, as in real policies: most requests match none of them.
pub fn narrow_rules(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    let clause = vec(test(1..3, 10), 2..4).prop_map(|tests| Clause { tests, index: 0 });
    let group = vec(clause, 1..3).prop_map(|clauses| Group { section: Section::To, clauses });
    vec(vec(group, 2..4), count).prop_map(numbered)
}

/// Returns many rules with a single test of many patterns, for which the engine builds tries, tables and the index.
pub fn single_tests(count: core::ops::Range<usize>) -> impl Strategy<Value = Vec<Rule>> {
    let one = test(1..20, 10).prop_map(|test| {
        vec![Group { section: Section::To, clauses: vec![Clause { tests: vec![test], index: 0 }] }]
    });
    vec(one, count).prop_map(numbered)
}
