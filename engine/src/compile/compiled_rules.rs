//! A compiled list of [`Rule`]s, for callers that have rules instead of policies.

use super::{context::Context, evaluate::NoTrace, program::Program};
use crate::{
    ir::Rule,
    request::{Attributes, Read},
    switches::CompileSwitches,
};
use alloc::vec::Vec;

/// A compiled, immutable list of rules in order of precedence. A rule's number is its position in the list, from 0.
///
/// ```
/// use palisade::{CompileSwitches, CompiledRules, PolicyRef, Request, RuleId};
/// use palisade::ir::{Clause, Effect, Group, Rule, Section, Test, Text, TextAttribute};
///
/// let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "get".into() };
/// let get = Test::text(TextAttribute::Method, [Text::Exact("GET".into())]);
/// let clause = Clause { tests: vec![get], index: 0 };
/// let rule = Rule {
///     id: RuleId::new(policy, 0),
///     effect: Effect::Allow,
///     groups: vec![Group { section: Section::To, clauses: vec![clause] }],
/// };
/// let rules = CompiledRules::new(&[rule], CompileSwitches::default());
/// let request = Request { method: Some(b"GET"), ..Request::default() };
/// assert_eq!(rules.first_match(&request, 0), Ok(Some(0)));
/// assert_eq!(rules.first_match(&Request::default(), 0), Ok(None));
/// ```
#[derive(Debug)]
pub struct CompiledRules(pub(crate) Program);

impl CompiledRules {
    /// Compiles `rules`; an earlier rule has precedence.
    pub fn new(rules: &[Rule], switches: CompileSwitches) -> Self {
        Self(Program::new(&rules.iter().collect::<Vec<_>>(), switches))
    }

    /// Returns the first rule, at or after number `floor`, that matches. It allocates nothing, and reads an attribute only if a
    /// candidate needs it.
    ///
    /// # Errors
    ///
    /// A rule needs an unreadable attribute.
    pub fn first_match<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<u32>> {
        self.0.first_match(&Context::new(request), floor..self.0.len())
    }

    /// Returns whether rule number `rule` matches; an unknown rule does not match.
    ///
    /// # Errors
    ///
    /// The rule needs an unreadable attribute.
    pub fn holds<A: Attributes + ?Sized>(&self, rule: u32, request: &A) -> Read<bool> {
        self.0.matches(rule, request, &mut NoTrace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ir::{Effect, Group, Section},
        request::Request,
        rule_id::{PolicyRef, RuleId},
    };
    use alloc::vec;

    #[test]
    fn group_without_clauses_never_matches_with_or_without_index() {
        let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "none".into() };
        let group = |section| Group { section, clauses: Vec::new() };
        let rule = Rule {
            id: RuleId::new(policy, 0),
            effect: Effect::Allow,
            groups: vec![group(Section::From), group(Section::To)],
        };
        for index in [true, false] {
            let switches = CompileSwitches { index, ..CompileSwitches::default() };
            let rules = CompiledRules::new(&[rule.clone(), rule.clone()], switches);
            assert_eq!(rules.first_match(&Request::default(), 0), Ok(None));
            assert!(rules.traces(&Request::default()).iter().all(|trace| !trace.matched));
        }
    }
}
