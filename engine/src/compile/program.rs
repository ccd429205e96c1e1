//! A compiled list of rules, in order of precedence.

use super::{
    index::{Index, IndexBuilder},
    intern::{Interned, Interner},
    step::{Look, NO_MATCHER, Step},
    switches::{CompileSwitches, Interpreter},
};
use crate::{
    ir::{Attribute, Clause, Effect, Pattern, Rule, Section, Text},
    rule_id::RuleId,
};
use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

/// Rules compiled for deciding. The first that holds, in the order given, decides.
///
/// Deciding reads `index`, `starts`, `steps` and the literals; all else is for those who ask why.
#[derive(Debug)]
pub(crate) struct Program {
    pub(super) index: Index,
    /// The first step of each rule, and at last how many steps there are.
    starts: Box<[u32]>,
    pub(super) steps: Box<[Step]>,
    pub(super) interned: Interned,
    /// Where each step was written.
    pub(super) places: Box<[Place]>,
    rules: Box<[RuleId]>,
    /// The number of each rule's effect.
    effect_of: Box<[u16]>,
    effects: Box<[Effect]>,
    /// Reads the rules instead of all of the above.
    pub(super) interpreted: Option<(Interpreter, Box<[Rule]>)>,
}

/// The part of a policy that a step stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) section: Section,
    /// [`Clause::index`], which is no place in memory: past 2^16 clauses a trace says 65535.
    pub(super) clause: u16,
}

impl Program {
    /// Compiles `rules`, first come first.
    pub(crate) fn new(rules: &[&Rule], switches: CompileSwitches) -> Self {
        let mut builder = Builder { interner: Interner::new(switches), ..Builder::default() };
        for rule in rules {
            builder.rule(rule);
        }
        let index = IndexBuilder::new(rules, switches, &mut builder.interner.methods);
        let index = index.build(&mut builder.interner);
        builder.starts.push(builder.steps.len() as u32);
        Self {
            index,
            starts: builder.starts.into(),
            steps: builder.steps.into(),
            interned: builder.interner.finish(),
            places: builder.places.into(),
            rules: builder.rules.into(),
            effect_of: builder.effect_of.into(),
            effects: builder.effects.into(),
            interpreted: switches
                .interpreter
                .map(|interpreter| (interpreter, rules.iter().map(|rule| (*rule).clone()).collect())),
        }
    }

    /// Number of rules.
    pub(crate) fn len(&self) -> u32 {
        self.rules.len() as u32
    }

    /// What the rules look at.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.interned.attributes.iter()
    }

    /// Where rule number `rule` came from, and what it does.
    pub(crate) fn rule(&self, rule: u32) -> Option<(&RuleId, &Effect)> {
        let rule = rule as usize;
        let effect = self.effects.get(usize::from(*self.effect_of.get(rule)?))?;
        Some((self.rules.get(rule)?, effect))
    }

    /// The steps of rule number `rule`; none if there is no such rule.
    #[inline]
    pub(super) fn steps_of(&self, rule: u32) -> Option<Range<u32>> {
        let rule = rule as usize;
        Some(*self.starts.get(rule)?..*self.starts.get(rule + 1)?)
    }

    /// The patterns that `step` holds its attribute against.
    pub(super) fn patterns(&self, step: &Step) -> Box<[Pattern]> {
        match step.look {
            Look::Always | Look::Never => Box::default(),
            Look::Text(kind, literal) => {
                [Pattern::Text(kind.pattern(self.interned.texts.text(literal)))].into()
            }
            Look::Methods(set, NO_MATCHER) => {
                let exact = |name: &str| Pattern::Text(Text::Exact(name.into()));
                self.interned.methods.names(set).map(exact).collect()
            }
            Look::Matcher(number) | Look::Methods(_, number) => {
                self.interned.patterns.get(number as usize).cloned().unwrap_or_default()
            }
        }
    }
}

#[derive(Debug, Default)]
struct Builder {
    interner: Interner,
    starts: Vec<u32>,
    steps: Vec<Step>,
    places: Vec<Place>,
    rules: Vec<RuleId>,
    effect_of: Vec<u16>,
    effects: Vec<Effect>,
}

impl Builder {
    fn rule(&mut self, rule: &Rule) {
        self.starts.push(self.steps.len() as u32);
        let effect = self.effect(&rule.effect);
        self.effect_of.push(effect);
        self.rules.push(rule.id.clone());
        let mut group_start = self.steps.len();
        for group in &rule.groups {
            group_start = self.steps.len();
            for clause in &group.clauses {
                self.clause(group.section, clause);
            }
            if group.clauses.is_empty() {
                self.push(group.section, 0, Step::fixed(Look::Never));
                self.close_clause(group_start);
            }
            let end = self.steps.len() as u32;
            self.steps.iter_mut().skip(group_start).for_each(|step| step.group_end = end);
        }
        self.steps.iter_mut().skip(group_start).for_each(|step| step.last = true);
    }

    fn clause(&mut self, section: Section, clause: &Clause) {
        let start = self.steps.len();
        for test in &clause.tests {
            let (attribute, look) = self.interner.test(test);
            self.push(section, clause.index, Step { attribute, negated: test.negated, ..Step::fixed(look) });
        }
        if clause.tests.is_empty() {
            self.push(section, clause.index, Step::fixed(Look::Always));
        }
        self.close_clause(start);
    }

    fn push(&mut self, section: Section, clause: u32, step: Step) {
        self.places.push(Place { section, clause: clause.try_into().unwrap_or(u16::MAX) });
        self.steps.push(step);
    }

    fn close_clause(&mut self, start: usize) {
        let end = self.steps.len() as u32;
        self.steps.iter_mut().skip(start).for_each(|step| step.clause_end = end);
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

/// How many steps `clauses` are compiled to; the index counts along.
pub(super) fn steps_in(clauses: &[Clause]) -> u32 {
    clauses.iter().map(|clause| clause.tests.len().max(1) as u32).sum::<u32>().max(1)
}
