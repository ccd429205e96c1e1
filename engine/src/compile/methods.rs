//! Which methods a rule can hold with, as bits of a number: what most often tells apart rules that are found together.

use super::context::Context;
use crate::{
    ir::{Attribute, Clause, Group, Pattern, Rule, Test, Text},
    matcher::literal::MethodMask,
    request::{Attributes, Read},
};
use alloc::{boxed::Box, vec::Vec};

/// Some of the methods that a program's rules name, and "any other" as one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MethodSet(u16);

/// The methods that rules name, a bit each; those that have found no bit are "any other".
#[derive(Debug, Default)]
pub(super) struct Methods(Vec<Box<str>>);

/// Bit of all methods without one of their own.
const OTHER: u16 = 1 << 15;

impl MethodSet {
    /// Every method.
    pub(super) const ANY: Self = Self(u16::MAX);

    #[inline]
    pub(super) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the mask under which the index enters rules of these methods.
    #[inline]
    pub(super) fn mask(self) -> MethodMask {
        self.0
    }
}

impl Methods {
    /// The methods that `rule` can hold with: it cannot where one of its groups does not.
    pub(super) fn of_rule(&mut self, rule: &Rule) -> MethodSet {
        rule.groups.iter().fold(MethodSet::ANY, |set, group| MethodSet(set.0 & self.of_group(group).0))
    }

    fn of_group(&mut self, group: &Group) -> MethodSet {
        MethodSet(group.clauses.iter().fold(0, |set, clause| set | self.of_clause(clause).0))
    }

    fn of_clause(&mut self, clause: &Clause) -> MethodSet {
        let tests = clause.tests.iter().filter(|test| test.attribute == Attribute::Method && !test.negated);
        tests.fold(MethodSet::ANY, |set, test| MethodSet(set.0 & self.of_test(test).0))
    }

    fn of_test(&mut self, test: &Test) -> MethodSet {
        let bit = |pattern: &Pattern| match pattern {
            Pattern::Text(Text::Exact(method)) => self.bit(method),
            _ => u16::MAX,
        };
        MethodSet(test.patterns.iter().map(bit).fold(0, |set, bit| set | bit))
    }

    /// The methods that `test` asks for, if bits tell them from all others.
    pub(super) fn exactly(&mut self, test: &Test) -> Option<MethodSet> {
        let set = if test.attribute == Attribute::Method { self.of_test(test) } else { return None };
        (set.0 & OTHER == 0).then_some(set)
    }

    /// The methods of `set` that have a bit of their own.
    pub(super) fn names(&self, set: MethodSet) -> impl Iterator<Item = &str> {
        (0..).zip(&self.0).filter(move |(place, _)| set.0 & (1u16 << place) != 0).map(|(_, name)| &**name)
    }

    fn bit(&mut self, method: &str) -> u16 {
        let known = self.0.iter().position(|known| **known == *method);
        let place = known.or_else(|| {
            let place = self.0.len();
            (place < 15).then(|| self.0.push(method.into())).map(|()| place)
        });
        place.map_or(OTHER, |place| 1 << place)
    }

    /// The bit of a request's method. Where no rule names one, it is not read.
    #[inline]
    pub(super) fn of_request<A: Attributes + ?Sized>(&self, cx: &Context<'_, A>) -> Read<MethodSet> {
        if self.0.is_empty() {
            return Ok(MethodSet::ANY);
        }
        let Some(method) = cx.request.method()? else { return Ok(MethodSet(OTHER)) };
        let place = self.0.iter().position(|known| known.as_bytes() == method);
        Ok(MethodSet(place.map_or(OTHER, |place| 1 << place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ir::{Effect, Section},
        request::Request,
        rule_id::{PolicyRef, RuleId},
    };
    use alloc::{format, vec};

    fn rule(clauses: &[&[&str]]) -> Rule {
        let clause = |methods: &&[&str]| {
            let patterns = methods.iter().map(|m| Pattern::Text(Text::Exact((*m).into())));
            let tests =
                if methods.is_empty() { vec![] } else { vec![Test::any_of(Attribute::Method, patterns)] };
            Clause { tests, index: 0 }
        };
        let groups = vec![Group { section: Section::To, clauses: clauses.iter().map(clause).collect() }];
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "a".into(), name: "b".into() };
        Rule { id: RuleId::new(policy, 0), effect: Effect::Allow, groups }
    }

    #[test]
    fn a_rule_is_ruled_out_by_other_methods_only() {
        let mut methods = Methods::default();
        let one = methods.of_rule(&rule(&[&["GET"]]));
        let two = methods.of_rule(&rule(&[&["GET"], &["PUT", "POST"]]));
        let any = methods.of_rule(&rule(&[&["GET"], &[]]));
        for (method, expected) in [
            (Some("GET"), [true, true, true]),
            (Some("POST"), [false, true, true]),
            (Some("PATCH"), [false, false, true]),
            (Some("get"), [false, false, true]),
            (None, [false, false, true]),
        ] {
            let request = Request { method: method.map(str::as_bytes), ..Request::default() };
            let of_request = methods.of_request(&Context::new(&request)).unwrap();
            assert_eq!([one, two, any].map(|set| set.intersects(of_request)), expected, "{method:?}");
        }
    }

    #[test]
    fn more_methods_than_bits_share_the_last() {
        let mut methods = Methods::default();
        let sets: Vec<_> = (0..40).map(|n| methods.of_rule(&rule(&[&[&*format!("M{n}")]]))).collect();
        for (n, set) in sets.iter().enumerate() {
            let method = format!("M{n}");
            let request = Request { method: Some(method.as_bytes()), ..Request::default() };
            assert!(set.intersects(methods.of_request(&Context::new(&request)).unwrap()), "{method}");
        }
        assert!(!sets[0].intersects(sets[1]));
    }
}
