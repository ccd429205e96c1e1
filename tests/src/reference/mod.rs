//! The reference evaluator: [`palisade::ir`] read by plain loops, as its documentation and the semantics say.
//!
//! It shares no code with the engine's matchers. Whatever is a pattern becomes a regular expression or a
//! comparison of strings, at every call; nothing is fast and nothing is clever.

mod address;
mod layer;
mod pattern;
mod value;

pub use layer::{Answer, authorization, direction, peer_authentication};

use palisade::{
    Attributes,
    ir::{Clause, Group, Rule, Test},
};

/// The first of `rules`, at or after number `floor`, that holds.
pub fn first_match(rules: &[Rule], request: &dyn Attributes, floor: u32) -> Option<u32> {
    for (number, candidate) in rules.iter().enumerate() {
        if number as u32 >= floor && rule(candidate, request) {
            return Some(number as u32);
        }
    }
    None
}

/// Whether every group holds.
pub fn rule(rule: &Rule, request: &dyn Attributes) -> bool {
    for part in &rule.groups {
        if !group(part, request) {
            return false;
        }
    }
    true
}

/// Whether some clause holds.
fn group(group: &Group, request: &dyn Attributes) -> bool {
    for part in &group.clauses {
        if clause(part, request) {
            return true;
        }
    }
    false
}

/// Whether every test holds.
fn clause(clause: &Clause, request: &dyn Attributes) -> bool {
    for part in &clause.tests {
        if !test(part, request) {
            return false;
        }
    }
    true
}

/// Whether some value matches some pattern; negated, whether none does.
fn test(test: &Test, request: &dyn Attributes) -> bool {
    let values = value::values(&test.attribute, request);
    let mut found = false;
    for value in &values {
        for pattern in &test.patterns {
            if pattern::matches(pattern, value) {
                found = true;
            }
        }
    }
    found != test.negated
}
