//! Explanations: the result of every test of a rule.
//!
//! The function that decides also evaluates the rules here, with an observer that records each test.

use crate::{
    compile::{CompiledRules, Observer, PlacedTest, Program},
    ir::{Attribute, Effect, Field, Section},
    request::{Attributes, Read},
    rule_id::RuleId,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

/// One test of a rule with the values that it compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestTrace {
    /// The part of the policy.
    pub section: Section,
    /// The position of the clause in its list, such as 1 in `from[1]`.
    pub clause: u32,
    /// The field from which the test comes.
    pub field: Field,
    /// The attribute that the test read.
    pub attribute: Attribute,
    /// Whether the test matches if no required value is present, as for a `notX` field.
    pub negated: bool,
    /// The values that the policy states.
    pub required: Vec<String>,
    /// The values of the request. Of a test that matched, those that a required value matches.
    pub actual: Vec<String>,
}

impl TestTrace {
    /// Returns the path of the field in the resource of the rule `id`, such as `spec.rules[0].to[0].operation.paths`.
    pub fn path(&self, id: &RuleId) -> String {
        self.field.path(id)
    }

    /// Returns the field as a path from the rule, such as `to[0].operation.paths`. The attribute follows if the field does
    /// not name it.
    pub fn place(&self) -> String {
        let Self { field, attribute, .. } = self;
        match (field.is_unknown(), self.section) {
            (true, _) => attribute.to_string(),
            (false, Section::When) => format!("{field} ({attribute})"),
            (false, _) => field.to_string(),
        }
    }
}

/// One rule with the results of its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleTrace {
    /// The rule.
    pub id: RuleId,
    /// The effect of a match.
    pub effect: Effect,
    /// Whether the rule matches.
    pub matched: bool,
    /// The failed tests, in the order of the policy; only of groups that failed.
    pub failures: Vec<TestTrace>,
    /// The matched tests of a rule that matches.
    pub matches: Vec<TestTrace>,
    /// The number of groups (`from`, `to`, each condition) that matched.
    pub matched_groups: usize,
    /// The number of groups.
    pub groups: usize,
    /// Whether a single failed test prevents the match of the rule, although another test matches.
    pub is_near_miss: bool,
}

impl RuleTrace {
    /// Returns the distance from a match: the number of failed groups, then the number of failed tests.
    pub fn distance(&self) -> (usize, usize) {
        (self.groups - self.matched_groups, self.failures.len())
    }
}

/// Returns the rule that is nearest to a match: with the fewest failed groups, then with the fewest failed tests.
pub fn nearest_miss(traces: &[RuleTrace]) -> Option<&RuleTrace> {
    traces.iter().filter(|t| !t.matched).min_by_key(|t| t.distance())
}

/// Returns the rules that allow the flow if they match, the nearest to a match first.
pub fn candidates(traces: &[RuleTrace]) -> Vec<&RuleTrace> {
    let mut rules: Vec<&RuleTrace> =
        traces.iter().filter(|trace| !trace.matched && trace.effect == Effect::Allow).collect();
    rules.sort_by_key(|trace| trace.distance());
    rules
}

/// Returns the rules that deny the flow if they match, the nearest to a match first.
pub fn near_denials(traces: &[RuleTrace]) -> Vec<&RuleTrace> {
    let denies =
        |effect: &Effect| matches!(effect, Effect::Deny | Effect::Unaskable(_) | Effect::DryRunCustom(_));
    let mut rules: Vec<&RuleTrace> =
        traces.iter().filter(|trace| trace.is_near_miss && denies(&trace.effect)).collect();
    rules.sort_by_key(|trace| trace.distance());
    rules
}

/// Records the tests of one rule.
struct Recorder<'p> {
    program: &'p Program,
    /// The tests of the current group, with their results.
    pending: Vec<(u32, bool)>,
    failed: Vec<u32>,
    matched: Vec<u32>,
    matched_groups: usize,
    groups: usize,
    /// Whether every failed group has a clause with one failed test.
    is_near: bool,
    /// Whether such a clause has a test that matched.
    has_partial: bool,
}

impl Observer for Recorder<'_> {
    const EXHAUSTIVE: bool = true;

    fn test(&mut self, at: u32, matched: bool) {
        self.pending.push((at, matched));
    }

    fn group(&mut self, at: u32, matched: bool) {
        self.groups += 1;
        let tests = core::mem::take(&mut self.pending);
        if matched {
            self.matched_groups += 1;
            let clauses = self.clauses(&tests);
            let whole = clauses.into_iter().find(|clause| clause.iter().all(|(_, matched)| *matched));
            self.matched.extend(whole.unwrap_or_default().iter().map(|(at, _)| *at));
            return;
        }
        let failures = |clause: &[(u32, bool)]| clause.iter().filter(|(_, matched)| !matched).count();
        let clauses = self.clauses(&tests);
        let nearest = clauses.iter().copied().min_by_key(|clause| failures(clause)).unwrap_or_default();
        let partial = failures(nearest) == 1;
        let has_partial = partial && nearest.len() > 1;
        // The alternatives of a proxy are whole rules: one of them is enough for an explanation.
        let is_l7 = self.program.place(at).is_some_and(|place| place.section == Section::L7);
        let shown = if is_l7 { nearest } else { &tests };
        self.failed.extend(shown.iter().filter(|(_, matched)| !matched).map(|(at, _)| *at));
        self.is_near &= partial;
        self.has_partial |= has_partial;
    }
}

impl Recorder<'_> {
    /// Returns the tests of each clause.
    fn clauses<'t>(&self, tests: &'t [(u32, bool)]) -> Vec<&'t [(u32, bool)]> {
        tests.chunk_by(|(a, _), (b, _)| self.program.is_same_clause(*a, *b)).collect()
    }
}

impl Program {
    /// Evaluates every test of rule number `rule`, and returns the results.
    pub(crate) fn trace<A: Attributes + ?Sized>(&self, rule: u32, request: &A) -> Read<Option<RuleTrace>> {
        let Some((id, effect)) = self.rule(rule) else { return Ok(None) };
        let mut recorder = Recorder {
            program: self,
            pending: Vec::new(),
            failed: Vec::new(),
            matched: Vec::new(),
            matched_groups: 0,
            groups: 0,
            is_near: true,
            has_partial: false,
        };
        let matched = self.matches(rule, request, &mut recorder)?;
        let Recorder { failed, matched: tests, matched_groups, groups, is_near, has_partial, .. } = recorder;
        let shown = if matched { tests } else { Vec::new() };
        Ok(Some(RuleTrace {
            id: id.clone(),
            effect: effect.clone(),
            matched,
            failures: failed.into_iter().filter_map(|at| self.test_trace(at, request, false)).collect(),
            matches: shown.into_iter().filter_map(|at| self.test_trace(at, request, true)).collect(),
            matched_groups,
            groups,
            is_near_miss: groups == matched_groups + 1 && is_near && (has_partial || matched_groups > 0),
        }))
    }

    /// Evaluates every test of every rule, and returns the results. Rules with unreadable attributes are omitted.
    pub(crate) fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        (0..self.len()).filter_map(|rule| self.trace(rule, request).ok().flatten()).collect()
    }

    fn test_trace<A: Attributes + ?Sized>(&self, at: u32, request: &A, matched: bool) -> Option<TestTrace> {
        let PlacedTest { place, attribute, negated, values } = self.test(at)?;
        Some(TestTrace {
            section: place.section,
            clause: place.clause,
            field: place.field,
            attribute: attribute.clone(),
            negated,
            required: values,
            actual: self.values(at, request, matched != negated),
        })
    }
}

impl CompiledRules {
    /// Evaluates every test of every rule, and returns the results.
    pub fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.0.traces(request)
    }
}
