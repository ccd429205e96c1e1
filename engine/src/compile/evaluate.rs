//! The evaluation of a program: for decisions, and with an [`Observer`] for explanations.

use super::{
    context::Context,
    instruction::{Instruction, NO_INSTRUCTION, Operand},
    intern::Interned,
    methods::MethodSet,
    program::Program,
};
use crate::{
    matcher::literal::SearchBounds,
    request::{Attributes, Read, Unavailable},
};
use core::{
    cell::Cell,
    ops::{ControlFlow, Range},
};

/// Observes the evaluation of a rule.
pub(crate) trait Observer {
    /// Whether every test of the rule is evaluated. Otherwise, evaluation stops at the first failed test.
    const EXHAUSTIVE: bool;
    /// Records the result of the test at `at`.
    fn test(&mut self, at: u32, matched: bool);
    /// Records the result of the group that ends at `at`.
    fn group(&mut self, at: u32, matched: bool);
}

/// An observer that records nothing, for decisions.
#[derive(Debug)]
pub(crate) struct NoTrace;

impl Observer for NoTrace {
    const EXHAUSTIVE: bool = false;
    #[inline]
    fn test(&mut self, _: u32, _: bool) {}
    #[inline]
    fn group(&mut self, _: u32, _: bool) {}
}

/// Facts that are available before the evaluation of a rule.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The test at this position matches.
    proven: u32,
    /// The request's method, if it was read.
    method: Option<MethodSet>,
}

impl Facts {
    const NONE: Self = Self { proven: NO_INSTRUCTION, method: None };
}

impl Program {
    /// Returns the first rule in `range` that matches. It allocates nothing, and reads an attribute only if a candidate of the
    /// index needs it.
    ///
    /// # Errors
    ///
    /// A rule before the first match needs an unreadable attribute.
    pub(crate) fn first_match<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        range: Range<u32>,
    ) -> Read<Option<u32>> {
        if range.is_empty() {
            return Ok(None);
        }
        if let Some((interpreter, rules)) = &self.interpreted {
            let rules = rules.get(..range.end as usize).unwrap_or(rules);
            return (interpreter.0)(rules, &cx.request, range.start);
        }
        // The index reads attributes in its own order. The rules before the match may not need an unreadable attribute.
        self.first_candidate(cx, range.clone()).or_else(|Unavailable| self.first_in_order(cx, range))
    }

    fn first_in_order<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        range: Range<u32>,
    ) -> Read<Option<u32>> {
        for rule in range {
            if self.rule_matches(rule, cx, &mut NoTrace)? {
                return Ok(Some(rule));
            }
        }
        Ok(None)
    }

    fn first_candidate<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        range: Range<u32>,
    ) -> Read<Option<u32>> {
        let Range { start, end } = range;
        let method = cx.method_set(&self.interned.methods)?;
        // The postings of one key are in order. Those after a match are skipped.
        let best = Cell::new(end);
        let bounds = SearchBounds { methods: method.mask(), below: &best };
        self.index.candidates(cx, &self.interned.texts, bounds, |postings| {
            for posting in postings {
                if posting.rule >= best.get() {
                    break;
                }
                let facts = Facts { proven: posting.proven(), method: Some(method) };
                if posting.rule >= start
                    && posting.methods.intersects(method)
                    && match posting.first {
                        NO_INSTRUCTION => true,
                        first => self.instructions_match(first..u32::MAX, facts, cx, &mut NoTrace)?,
                    }
                {
                    best.set(posting.rule);
                    break;
                }
            }
            Ok(if best.get() == start { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(Some(best.get()).filter(|best| *best < end))
    }

    /// Returns whether rule number `rule` matches; `observer` observes its tests.
    pub(crate) fn matches<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: u32,
        request: &A,
        observer: &mut O,
    ) -> Read<bool> {
        self.rule_matches(rule, &Context::new(request), observer)
    }

    fn rule_matches<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: u32,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        let range = self.instructions_of(rule);
        range.map_or(Ok(false), |range| self.instructions_match(range, Facts::NONE, cx, observer))
    }

    /// Returns whether a rule matches. Its first instruction is the start of `range`; only exhaustive evaluation uses the end.
    fn instructions_match<A: Attributes + ?Sized, O: Observer>(
        &self,
        range: Range<u32>,
        facts: Facts,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        let Range { start: mut at, end } = range;
        let mut progress = RuleProgress::default();
        while at < end {
            let Some(instruction) = self.instructions.get(at as usize) else { return Ok(false) };
            let matched = at == facts.proven || self.instruction_matches(instruction, facts.method, cx)?;
            at = if O::EXHAUSTIVE {
                observer.test(at, matched);
                progress.next(at, instruction, matched, |any| observer.group(at, any))
            } else {
                match (matched, at + 1 == instruction.clause_end) {
                    (true, false) => at + 1,
                    // The clause matches, and therefore the group.
                    (true, true) if instruction.last => return Ok(true),
                    (true, true) => instruction.group_end,
                    (false, _) if instruction.clause_end == instruction.group_end => return Ok(false),
                    (false, _) => instruction.clause_end,
                }
            };
        }
        Ok(!progress.failed)
    }

    #[inline]
    fn instruction_matches<A: Attributes + ?Sized>(
        &self,
        instruction: &Instruction,
        method: Option<MethodSet>,
        cx: &Context<'_, A>,
    ) -> Read<bool> {
        let Interned { text_attributes, matchers, texts, methods } = &self.interned;
        let matched = match instruction.operand {
            Operand::Methods(set) => {
                let method = method.map_or_else(|| cx.method_set(methods), Ok)?;
                set.intersects(method)
            }
            Operand::Text(attribute, op, literal) => match text_attributes.get(usize::from(attribute)) {
                Some(attribute) => cx.compares(attribute, op, texts.bytes(literal))?,
                None => return Ok(false),
            },
            Operand::Matcher(number) => match matchers.get(number as usize) {
                Some(matcher) => cx.matches(matcher)?,
                None => return Ok(false),
            },
            Operand::Always => true,
            Operand::Never => return Ok(false),
        };
        Ok(matched != instruction.negated)
    }
}

/// The state of an exhaustive evaluation.
#[derive(Debug, Default)]
struct RuleProgress {
    clause_failed: bool,
    group_matched: bool,
    failed: bool,
}

impl RuleProgress {
    /// Adds the result of the instruction at `at`, calls `group` if it ends a group, and returns the next position.
    fn next(&mut self, at: u32, instruction: &Instruction, matched: bool, group: impl FnOnce(bool)) -> u32 {
        self.clause_failed |= !matched;
        if at + 1 == instruction.clause_end {
            self.group_matched |= !self.clause_failed;
            self.clause_failed = false;
        }
        if at + 1 == instruction.group_end {
            group(self.group_matched);
            self.failed |= !self.group_matched;
            self.group_matched = false;
        }
        at + 1
    }
}
