//! A compiled list of rules, in order of precedence.

use super::{
    index::{Index, IndexBuilder},
    instruction::{Instruction, Operand},
    intern::{Interned, Interner},
    provenance::{Place, Provenance, ProvenanceBuilder},
};
use crate::{
    ir::{Attribute, Clause, Effect, Rule, Section},
    rule_id::RuleId,
    switches::{CompileSwitches, Interpreter},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::ops::Range;

/// A compiled list of rules. The first rule that matches, in the given order, decides.
///
/// A decision reads `index`, `starts`, `instructions` and the shared tables. The other fields are for explanations.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) index: Index,
    /// The first instruction of each rule, and the number of instructions.
    starts: Box<[u32]>,
    pub(super) instructions: Box<[Instruction]>,
    pub(super) interned: Interned,
    provenance: Provenance,
    rules: Box<[RuleId]>,
    /// The number of each rule's effect.
    effect_of: Box<[u16]>,
    effects: Box<[Effect]>,
    /// The evaluator that replaces the tables, with its rules.
    pub(super) interpreted: Option<(Interpreter, Box<[Rule]>)>,
}

impl Program {
    /// Compiles `rules`; an earlier rule has precedence.
    pub(crate) fn new(rules: &[&Rule], switches: CompileSwitches) -> Self {
        let mut builder = Builder { interner: Interner::new(switches), ..Builder::default() };
        for rule in rules {
            builder.rule(rule);
        }
        let index = IndexBuilder::new(rules, switches, &mut builder.interner.methods);
        let index = index.build(&mut builder.interner);
        builder.starts.push(builder.instructions.len() as u32);
        Self {
            index,
            starts: builder.starts.into(),
            instructions: builder.instructions.into(),
            interned: builder.interner.finish(),
            provenance: builder.provenance.finish(),
            rules: builder.rules.into(),
            effect_of: builder.effect_of.into(),
            effects: builder.effects.into(),
            interpreted: switches
                .interpreter
                .map(|interpreter| (interpreter, rules.iter().map(|rule| (*rule).clone()).collect())),
        }
    }

    /// Returns the number of rules.
    pub(crate) fn len(&self) -> u32 {
        self.rules.len() as u32
    }

    /// Returns the attributes that the rules read.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.provenance.attributes()
    }

    /// Returns the id and the effect of rule number `rule`.
    pub(crate) fn rule(&self, rule: u32) -> Option<(&RuleId, &Effect)> {
        let rule = rule as usize;
        let effect = self.effects.get(usize::from(*self.effect_of.get(rule)?))?;
        Some((self.rules.get(rule)?, effect))
    }

    /// Returns the instructions of rule number `rule`.
    #[inline]
    pub(super) fn instructions_of(&self, rule: u32) -> Option<Range<u32>> {
        let rule = rule as usize;
        Some(*self.starts.get(rule)?..*self.starts.get(rule + 1)?)
    }

    /// Returns the place of the instruction at `at`.
    pub(crate) fn place(&self, at: u32) -> Option<&Place> {
        self.provenance.place(at)
    }

    /// Returns whether the instructions at `a` and `b` belong to one clause.
    pub(crate) fn is_same_clause(&self, a: u32, b: u32) -> bool {
        let clause_end =
            |at: u32| self.instructions.get(at as usize).map(|instruction| instruction.clause_end);
        clause_end(a) == clause_end(b)
    }

    /// Returns the test of the instruction at `at`, or `None` if the instruction reads nothing.
    pub(crate) fn test(&self, at: u32) -> Option<PlacedTest<'_>> {
        let place = self.place(at)?;
        let attribute = self.provenance.attribute(place)?;
        let instruction = self.instructions.get(at as usize)?;
        let Interned { texts, methods, .. } = &self.interned;
        let values = self.provenance.values(place, instruction.operand, texts, methods);
        Some(PlacedTest { place, attribute, negated: instruction.negated, values })
    }
}

/// A test with its place in the policy.
#[derive(Debug)]
pub(crate) struct PlacedTest<'p> {
    pub(crate) place: &'p Place,
    pub(crate) attribute: &'p Attribute,
    pub(crate) negated: bool,
    /// The values that the policy states.
    pub(crate) values: Vec<String>,
}

#[derive(Debug, Default)]
struct Builder {
    interner: Interner,
    starts: Vec<u32>,
    instructions: Vec<Instruction>,
    provenance: ProvenanceBuilder,
    rules: Vec<RuleId>,
    effect_of: Vec<u16>,
    effects: Vec<Effect>,
}

impl Builder {
    fn rule(&mut self, rule: &Rule) {
        self.starts.push(self.instructions.len() as u32);
        let effect = self.effect(&rule.effect);
        self.effect_of.push(effect);
        self.rules.push(rule.id.clone());
        let mut group_start = self.instructions.len();
        for group in &rule.groups {
            group_start = self.instructions.len();
            for clause in &group.clauses {
                self.clause(group.section, clause);
            }
            if group.clauses.is_empty() {
                self.push_fixed(group.section, 0, Operand::Never);
                self.close_clause(group_start);
            }
            let end = self.instructions.len() as u32;
            self.instructions
                .iter_mut()
                .skip(group_start)
                .for_each(|instruction| instruction.group_end = end);
        }
        self.instructions.iter_mut().skip(group_start).for_each(|instruction| instruction.last = true);
    }

    fn clause(&mut self, section: Section, clause: &Clause) {
        let start = self.instructions.len();
        for test in &clause.tests {
            let operand = self.interner.operand(&test.predicate);
            self.provenance.add(section, clause.index, test, operand, &mut self.interner);
            self.instructions.push(Instruction::new(operand, test.negated));
        }
        if clause.tests.is_empty() {
            self.push_fixed(section, clause.index, Operand::Always);
        }
        self.close_clause(start);
    }

    fn push_fixed(&mut self, section: Section, clause: u32, operand: Operand) {
        self.provenance.add_fixed(section, clause);
        self.instructions.push(Instruction::new(operand, false));
    }

    fn close_clause(&mut self, start: usize) {
        let end = self.instructions.len() as u32;
        self.instructions.iter_mut().skip(start).for_each(|instruction| instruction.clause_end = end);
    }

    fn effect(&mut self, effect: &Effect) -> u16 {
        let number = self.effects.iter().position(|known| known == effect).unwrap_or_else(|| {
            self.effects.push(effect.clone());
            self.effects.len() - 1
        });
        // INVARIANT: effects differ by kind and by provider, of which a mesh has a handful.
        number as u16
    }
}
