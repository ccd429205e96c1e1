//! Regular expressions as Envoy's RE2 reads them, matched against whole values in linear time.
//!
//! [`parse`] accepts RE2's syntax and nothing else; an expression becomes an automaton of bounded size. A literal, or
//! one with `.*` before or behind it, is compared without an automaton.

mod class;
mod compiled;
mod parse;
mod size;

pub(crate) use compiled::Regex;
pub(crate) use parse::{Flavour, parse};
pub(crate) use size::program_size;

/// Largest RE2 program that Envoy takes: its default of `re2.max_program_size.error_level`.
pub(crate) const MAX_PROGRAM: usize = 100;
