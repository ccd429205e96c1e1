//! Regular expressions with the syntax of Envoy's RE2, matched against whole values in linear time.
//!
//! [`parse`] accepts only the syntax of RE2. An expression becomes an automaton of bounded size. A literal, alone or with
//! `.*` before or after it, is compared without an automaton.

mod class;
mod compiled;
mod error;
mod parse;
mod repetition;
mod size;

pub(crate) use compiled::Regex;
pub(crate) use parse::{Flavour, parse};
pub(crate) use size::program_size;

/// The largest RE2 program that Envoy accepts: the default of `re2.max_program_size.error_level`.
pub(crate) const MAX_PROGRAM: usize = 100;
