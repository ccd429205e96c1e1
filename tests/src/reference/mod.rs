//! The reference evaluator: [`palisade::ir`] read by plain loops, as its documentation and the semantics say.
//!
//! It shares no code with the engine's matchers. Whatever is a pattern becomes a regular expression or a
//! comparison of strings, at every call; nothing is fast and nothing is clever.

mod address;
mod layer;
mod pattern;
mod value;

pub use layer::direction;

use palisade::{
    Attributes, Read,
    ir::{Clause, Group, Rule, Test},
};

/// The first of `rules`, at or after number `floor`, that holds.
///
/// # Errors
///
/// An attribute that a rule on the way needs could not be read.
pub fn first_match(rules: &[Rule], request: &dyn Attributes, floor: u32) -> Read<Option<u32>> {
    for (number, candidate) in (0u32..).zip(rules) {
        if number >= floor && rule(candidate, request)? {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// Whether every group holds.
///
/// # Errors
///
/// An attribute could not be read.
pub fn rule(rule: &Rule, request: &dyn Attributes) -> Read<bool> {
    for part in &rule.groups {
        if !group(part, request)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether some clause holds.
fn group(group: &Group, request: &dyn Attributes) -> Read<bool> {
    for part in &group.clauses {
        if clause(part, request)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether every test holds.
fn clause(clause: &Clause, request: &dyn Attributes) -> Read<bool> {
    for part in &clause.tests {
        if !test(part, request)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the predicate matches or, negated, does not match.
fn test(test: &Test, request: &dyn Attributes) -> Read<bool> {
    Ok(pattern::matches(&test.predicate, request)? != test.negated)
}
