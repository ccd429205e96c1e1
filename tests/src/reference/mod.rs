//! The reference evaluator: plain loops over [`palisade::ir`] that follow its documentation and docs/semantics.
//!
//! It shares no code with the engine's matchers. It translates each pattern to a regular expression or a string
//! comparison at every call, because simple code is more important here than fast code.

mod address;
mod layer;
mod pattern;
mod value;

pub use layer::direction;

use palisade::{
    Attributes, Read,
    ir::{Clause, Group, Rule, Test},
};

/// Returns the number of the first of `rules`, at or after number `floor`, that matches.
///
/// # Errors
///
/// A rule up to the match needs an unreadable attribute.
pub fn first_match(rules: &[Rule], request: &dyn Attributes, floor: u32) -> Read<Option<u32>> {
    for (number, candidate) in (0u32..).zip(rules) {
        if number >= floor && rule(candidate, request)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Returns whether every group of the rule matches.
///
/// # Errors
///
/// An attribute is unreadable.
pub fn rule(rule: &Rule, request: &dyn Attributes) -> Read<bool> {
    for part in &rule.groups {
        if !group(part, request)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether a clause of the group matches.
fn group(group: &Group, request: &dyn Attributes) -> Read<bool> {
    for part in &group.clauses {
        if clause(part, request)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether every test of the clause matches.
fn clause(clause: &Clause, request: &dyn Attributes) -> Read<bool> {
    for part in &clause.tests {
        if !test(part, request)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns whether the predicate matches or, negated, does not match.
fn test(test: &Test, request: &dyn Attributes) -> Read<bool> {
    Ok(pattern::matches(&test.predicate, request)? != test.negated)
}
