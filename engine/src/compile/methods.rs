//! The methods with which a rule can match, as bits of a number, because rules under one key often differ only in the method.

use crate::{
    ir::{Clause, Group, Predicate, Rule, Text, TextAttribute},
    matcher::literal::MethodMask,
};
use alloc::{boxed::Box, vec::Vec};

/// A set of the methods in a program's rules. One element represents all other methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MethodSet(u16);

/// The methods with a separate bit, in the order of the bits. All other methods share one bit.
#[derive(Debug, Default)]
pub(super) struct Methods(Vec<Box<str>>);

/// The bit of all methods without a separate bit.
const OTHER: u16 = 1 << 15;

impl MethodSet {
    /// Every method.
    pub(super) const ANY: Self = Self(u16::MAX);

    #[inline]
    pub(super) fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the bits, as the index stores them with a key.
    #[inline]
    pub(super) fn mask(self) -> MethodMask {
        self.0
    }
}

impl Methods {
    /// Returns the methods with which `rule` can match: those with which all its groups can match.
    pub(super) fn of_rule(&mut self, rule: &Rule) -> MethodSet {
        rule.groups.iter().fold(MethodSet::ANY, |set, group| MethodSet(set.0 & self.of_group(group).0))
    }

    fn of_group(&mut self, group: &Group) -> MethodSet {
        MethodSet(group.clauses.iter().fold(0, |set, clause| set | self.of_clause(clause).0))
    }

    fn of_clause(&mut self, clause: &Clause) -> MethodSet {
        clause.tests.iter().filter(|test| !test.negated).fold(MethodSet::ANY, |set, test| {
            match &test.predicate {
                Predicate::Text(TextAttribute::Method, patterns) => {
                    MethodSet(set.0 & self.of_patterns(patterns).0)
                }
                _ => set,
            }
        })
    }

    fn of_patterns(&mut self, patterns: &[Text]) -> MethodSet {
        let bit = |pattern: &Text| match pattern {
            Text::Exact(method) => self.bit(method),
            _ => u16::MAX,
        };
        MethodSet(patterns.iter().map(bit).fold(0, |set, bit| set | bit))
    }

    /// Returns the methods that `patterns` match, or `None` if a method has no separate bit.
    pub(super) fn exactly(&mut self, patterns: &[Text]) -> Option<MethodSet> {
        let set = self.of_patterns(patterns);
        (set.0 & OTHER == 0).then_some(set)
    }

    /// Returns the methods of `set` with a separate bit.
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

    /// Returns whether no rule names a method. Then the method of a request does not matter.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the set of the method of a request.
    #[inline]
    pub(super) fn of(&self, method: Option<&[u8]>) -> MethodSet {
        let Some(method) = method else { return MethodSet(OTHER) };
        let place = self.0.iter().position(|known| known.as_bytes() == method);
        MethodSet(place.map_or(OTHER, |place| 1 << place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ir::{Effect, Section, Test},
        rule_id::{PolicyRef, RuleId},
    };
    use alloc::{format, vec};

    fn rule(clauses: &[&[&str]]) -> Rule {
        let clause = |methods: &&[&str]| {
            let patterns = methods.iter().map(|m| Text::Exact((*m).into()));
            let tests =
                if methods.is_empty() { vec![] } else { vec![Test::text(TextAttribute::Method, patterns)] };
            Clause { tests, index: 0 }
        };
        let groups = vec![Group { section: Section::To, clauses: clauses.iter().map(clause).collect() }];
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "a".into(), name: "b".into() };
        Rule { id: RuleId::new(policy, 0), effect: Effect::Allow, groups }
    }

    #[test]
    fn rule_is_excluded_only_by_other_methods() {
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
            let of_request = methods.of(method.map(str::as_bytes));
            assert_eq!([one, two, any].map(|set| set.intersects(of_request)), expected, "{method:?}");
        }
    }

    #[test]
    fn methods_without_own_bit_share_the_last_bit() {
        let mut methods = Methods::default();
        let sets: Vec<_> = (0..40).map(|n| methods.of_rule(&rule(&[&[&*format!("M{n}")]]))).collect();
        for (n, set) in sets.iter().enumerate() {
            let method = format!("M{n}");
            assert!(set.intersects(methods.of(Some(method.as_bytes()))), "{method}");
        }
        assert!(!sets[0].intersects(sets[1]));
    }
}
