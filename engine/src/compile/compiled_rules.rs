//! A list of rules compiled by itself, for those who hold [`Rule`]s rather than policies.

use super::{context::Context, evaluate::Ignore, program::Program, switches::CompileSwitches};
use crate::{
    explain::RuleTrace,
    ir::Rule,
    request::{Attributes, Read},
};
use alloc::vec::Vec;

/// Rules in order of precedence, compiled once and then only read. Numbers are places in the list, from 0.
///
/// ```
/// use palisade::{CompileSwitches, CompiledRules, PolicyRef, Request, RuleId};
/// use palisade::ir::{Attribute, Clause, Effect, Group, Pattern, Rule, Section, Test, Text};
///
/// let policy = PolicyRef { kind: "AuthorizationPolicy", namespace: "foo".into(), name: "get".into() };
/// let get = Test::any_of(Attribute::Method, [Pattern::Text(Text::Exact("GET".into()))]);
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
pub struct CompiledRules(Program);

impl CompiledRules {
    /// Compiles `rules`, first come first.
    pub fn new(rules: &[Rule], switches: CompileSwitches) -> Self {
        Self(Program::new(&rules.iter().collect::<Vec<_>>(), switches))
    }

    /// The first rule, at or after number `floor`, that holds. Allocates nothing, and reads an attribute only if a
    /// rule that is still possible needs it.
    ///
    /// # Errors
    ///
    /// An attribute that is needed could not be read.
    pub fn first_match<A: Attributes + ?Sized>(&self, request: &A, floor: u32) -> Read<Option<u32>> {
        self.0.first_match(&Context::new(request), floor..self.0.len())
    }

    /// Whether rule number `rule` holds; a number past the end never does.
    ///
    /// # Errors
    ///
    /// An attribute that is needed could not be read.
    pub fn holds<A: Attributes + ?Sized>(&self, rule: u32, request: &A) -> Read<bool> {
        self.0.holds(rule, request, &mut Ignore)
    }

    /// Every rule, looked at in full, with each test that failed.
    pub fn traces<A: Attributes + ?Sized>(&self, request: &A) -> Vec<RuleTrace> {
        self.0.traces(request)
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
    fn a_group_that_offers_nothing_never_holds_with_or_without_index() {
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
            assert!(rules.traces(&Request::default()).iter().all(|trace| !trace.held));
        }
    }
}
