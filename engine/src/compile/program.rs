//! A compiled list of rules, in order of precedence.

use super::{
    index::{Index, IndexBuilder},
    intern::{Interned, Interner},
};
use crate::{
    ir::{Effect, Rule, Section},
    request::{Attributes, Read},
    rule_id::RuleId,
};
use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

/// Which shortcuts compilation may take. All on, except in tests that run the corpus with each one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileSwitches {
    /// Find candidate rules through an index rather than try every rule.
    pub index: bool,
    /// Evaluate the rules by this function rather than by compiled tables.
    pub interpreter: Option<Interpreter>,
}

/// A function that gives the number of the first rule, at or after a number, that holds. With it a whole decision, from
/// manifests to verdict, can be held against another reading of the rules.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter(pub Evaluate);

/// Rules, request, first number to look at.
pub type Evaluate = fn(&[Rule], &dyn Attributes, u32) -> Read<Option<u32>>;

impl PartialEq for Interpreter {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Interpreter {}

impl Default for CompileSwitches {
    fn default() -> Self {
        Self { index: true, interpreter: None }
    }
}

#[derive(Debug)]
pub(crate) struct RuleEntry {
    pub(crate) id: RuleId,
    pub(crate) effect: Effect,
    pub(crate) groups: Range<u32>,
}

#[derive(Debug)]
pub(crate) struct GroupEntry {
    pub(crate) section: Section,
    pub(crate) clauses: Range<u32>,
}

#[derive(Debug)]
pub(crate) struct ClauseEntry {
    pub(crate) index: u32,
    pub(crate) tests: Range<u32>,
}

#[derive(Debug)]
pub(crate) struct TestEntry {
    pub(crate) matcher: u32,
    pub(crate) attribute: u16,
    pub(crate) negated: bool,
}

/// Rules compiled for deciding. The first that holds, in the order given, decides.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) rules: Box<[RuleEntry]>,
    pub(super) groups: Box<[GroupEntry]>,
    pub(super) clauses: Box<[ClauseEntry]>,
    pub(super) tests: Box<[TestEntry]>,
    pub(super) interned: Interned,
    pub(super) index: Index,
    /// Reads the rules instead of all of the above.
    pub(super) interpreted: Option<(Interpreter, Box<[Rule]>)>,
}

impl Program {
    /// Compiles `rules`, first come first.
    pub(crate) fn new(rules: &[Rule], switches: CompileSwitches) -> Self {
        let mut interner = Interner::default();
        let (mut entries, mut groups, mut clauses, mut tests) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for rule in rules {
            let first_group = groups.len() as u32;
            for group in &rule.groups {
                let first_clause = clauses.len() as u32;
                for clause in &group.clauses {
                    let first_test = tests.len() as u32;
                    for test in &clause.tests {
                        let (attribute, matcher) = interner.test(test);
                        tests.push(TestEntry { matcher, attribute, negated: test.negated });
                    }
                    clauses.push(ClauseEntry { index: clause.index, tests: first_test..tests.len() as u32 });
                }
                groups
                    .push(GroupEntry { section: group.section, clauses: first_clause..clauses.len() as u32 });
            }
            entries.push(RuleEntry {
                id: rule.id.clone(),
                effect: rule.effect.clone(),
                groups: first_group..groups.len() as u32,
            });
        }
        let index = IndexBuilder::new(rules, switches).build();
        Self {
            rules: entries.into(),
            groups: groups.into(),
            clauses: clauses.into(),
            tests: tests.into(),
            interned: interner.finish(),
            index,
            interpreted: switches.interpreter.map(|interpreter| (interpreter, rules.into())),
        }
    }

    /// Whether there is no rule.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Number of rules.
    pub(crate) fn len(&self) -> u32 {
        self.rules.len() as u32
    }

    /// Where rule number `rule` came from, and what it does.
    pub(crate) fn rule(&self, rule: u32) -> Option<(&RuleId, &Effect)> {
        self.rules.get(rule as usize).map(|r| (&r.id, &r.effect))
    }
}

/// The entries of `table` in `range`.
pub(super) fn slice<'t, T>(table: &'t [T], range: &Range<u32>) -> impl Iterator<Item = &'t T> + use<'t, T> {
    table.get(range.start as usize..range.end as usize).unwrap_or_default().iter()
}
