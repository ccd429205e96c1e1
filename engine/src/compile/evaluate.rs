//! The one walk over a program: [`Program::first_match`] to decide, the same steps with an [`Observer`] to explain.

use super::{
    context::Context,
    intern::Interned,
    methods::MethodSet,
    program::{Place, Program},
    step::{Look, Step},
};
use crate::{
    ir::{Attribute, Pattern, Section},
    matcher::literal::SearchBounds,
    request::{Attributes, Read, Unavailable},
};
use alloc::boxed::Box;
use core::{
    cell::Cell,
    ops::{ControlFlow, Range},
};

/// A test that did not hold, and where it stands.
#[derive(Debug)]
pub(crate) struct FailedTest<'p> {
    pub(crate) section: Section,
    pub(crate) clause: u32,
    pub(crate) attribute: &'p Attribute,
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[Pattern]>,
}

/// Watches the walk. With [`Ignore`] the walk stops a rule at its first failing test; otherwise it looks at all.
pub(crate) trait Observer {
    /// Whether every test of a rule is to be looked at.
    const EXHAUSTIVE: bool;
    /// A test did not hold.
    fn failed(&mut self, test: FailedTest<'_>);
    /// A group was looked at.
    fn group(&mut self, section: Section, held: bool);
}

/// Watches nothing: deciding.
#[derive(Debug)]
pub(crate) struct Ignore;

impl Observer for Ignore {
    const EXHAUSTIVE: bool = false;
    #[inline]
    fn failed(&mut self, _: FailedTest<'_>) {}
    #[inline]
    fn group(&mut self, _: Section, _: bool) {}
}

/// A step that the index has looked at already; this one is none.
pub(super) const NO_STEP: u32 = u32::MAX;

/// What is known before a rule's steps are looked at.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// This step holds.
    proven: u32,
    /// The request's method, where it was read.
    method: Option<MethodSet>,
}

impl Known {
    const NOTHING: Self = Self { proven: NO_STEP, method: None };
}

impl Program {
    /// The first rule of those numbered `range` that holds. Allocates nothing; reads attributes only as the
    /// candidates left by the index need them.
    ///
    /// # Errors
    ///
    /// A rule before the first that holds needs an attribute that cannot be read.
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
        // The index reads attributes in its own order. What it cannot read, the rules before the match may not need.
        self.first_candidate(cx, range.clone()).or_else(|Unavailable| self.first_in_order(cx, range))
    }

    fn first_in_order<A: Attributes + ?Sized>(
        &self,
        cx: &Context<'_, A>,
        range: Range<u32>,
    ) -> Read<Option<u32>> {
        for rule in range {
            if self.rule_holds(rule, cx, &mut Ignore)? {
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
        let method = self.interned.methods.of_request(cx)?;
        // The candidates of one key come in order; those that a match has made pointless are passed over.
        let best = Cell::new(end);
        let bounds = SearchBounds { methods: method.mask(), below: &best };
        self.index.candidates(cx, &self.interned.texts, bounds, |candidates| {
            for candidate in candidates {
                if candidate.rule >= best.get() {
                    break;
                }
                let known = Known { proven: candidate.proven(), method: Some(method) };
                if candidate.rule >= start
                    && candidate.methods.intersects(method)
                    && match candidate.first_step {
                        NO_STEP => true,
                        first => self.steps_hold(first..u32::MAX, known, cx, &mut Ignore)?,
                    }
                {
                    best.set(candidate.rule);
                    break;
                }
            }
            Ok(if best.get() == start { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(Some(best.get()).filter(|best| *best < end))
    }

    /// Whether rule number `rule` holds; `observer` sees every test that did not.
    pub(crate) fn holds<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: u32,
        request: &A,
        observer: &mut O,
    ) -> Read<bool> {
        self.rule_holds(rule, &Context::new(request), observer)
    }

    fn rule_holds<A: Attributes + ?Sized, O: Observer>(
        &self,
        rule: u32,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        self.steps_of(rule).map_or(Ok(false), |steps| self.steps_hold(steps, Known::NOTHING, cx, observer))
    }

    /// Whether the rule holds whose steps begin where `steps` does. Where they end is asked only by those who look at
    /// every step.
    fn steps_hold<A: Attributes + ?Sized, O: Observer>(
        &self,
        steps: Range<u32>,
        known: Known,
        cx: &Context<'_, A>,
        observer: &mut O,
    ) -> Read<bool> {
        let Range { start: mut at, end } = steps;
        let mut watched = Watched::default();
        while at < end {
            let Some(step) = self.steps.get(at as usize) else { return Ok(false) };
            let held = at == known.proven || self.step_holds(step, known.method, cx)?;
            at = if O::EXHAUSTIVE {
                if !held {
                    self.tell(at, step, observer);
                }
                watched.step(at, step, held, |any| self.tell_group(at, any, observer))
            } else {
                match (held, at + 1 == step.clause_end) {
                    (true, false) => at + 1,
                    // The clause holds, and with it the group.
                    (true, true) if step.last => return Ok(true),
                    (true, true) => step.group_end,
                    (false, _) if step.clause_end == step.group_end => return Ok(false),
                    (false, _) => step.clause_end,
                }
            };
        }
        Ok(!watched.failed)
    }

    #[inline]
    fn step_holds<A: Attributes + ?Sized>(
        &self,
        step: &Step,
        method: Option<MethodSet>,
        cx: &Context<'_, A>,
    ) -> Read<bool> {
        let Interned { attributes, matchers, texts, methods, .. } = &self.interned;
        if let Look::Methods(set, _) = step.look {
            let method = method.map_or_else(|| methods.of_request(cx), Ok)?;
            return Ok(set.intersects(method) != step.negated);
        }
        let attribute = attributes.get(usize::from(step.attribute));
        let held = match (step.look, attribute) {
            (Look::Always, _) => true,
            (Look::Text(kind, literal), Some(attribute)) => {
                cx.compares(attribute, kind, texts.bytes(literal))?
            }
            (Look::Matcher(number), Some(attribute)) => match matchers.get(number as usize) {
                Some(matcher) => cx.matches(attribute, matcher)?,
                None => return Ok(false),
            },
            (Look::Never | Look::Methods(..), _) | (_, None) => return Ok(false),
        };
        Ok(held != step.negated)
    }

    fn tell_group<O: Observer>(&self, at: u32, held: bool, observer: &mut O) {
        if let Some(place) = self.places.get(at as usize) {
            observer.group(place.section, held);
        }
    }

    fn tell<O: Observer>(&self, at: u32, step: &Step, observer: &mut O) {
        let place = self.places.get(at as usize);
        let attribute = self.interned.attributes.get(usize::from(step.attribute));
        if let (
            Look::Text(..) | Look::Methods(..) | Look::Matcher(_),
            Some(Place { section, clause }),
            Some(attribute),
        ) = (step.look, place, attribute)
        {
            observer.failed(FailedTest {
                section: *section,
                clause: (*clause).into(),
                attribute,
                negated: step.negated,
                patterns: self.patterns(step),
            });
        }
    }
}

/// What is known of a rule of which every step is looked at.
#[derive(Debug, Default)]
struct Watched {
    clause_failed: bool,
    group_held: bool,
    failed: bool,
}

impl Watched {
    /// Takes the answer of the step at `at`, calls `group` with that of the group it ends, and gives the next step.
    fn step(&mut self, at: u32, step: &Step, held: bool, group: impl FnOnce(bool)) -> u32 {
        self.clause_failed |= !held;
        if at + 1 == step.clause_end {
            self.group_held |= !self.clause_failed;
            self.clause_failed = false;
        }
        if at + 1 == step.group_end {
            group(self.group_held);
            self.failed |= !self.group_held;
            self.group_held = false;
        }
        at + 1
    }
}
