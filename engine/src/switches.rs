//! Optimizations of the compilation, each of which tests can switch off.

use crate::{
    ir::Rule,
    request::{Attributes, Read},
};

/// The optimizations of a compilation. All are on, except in tests that run the corpus with each one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileSwitches {
    /// Whether an index finds candidate rules. Otherwise the evaluation tries every rule.
    pub index: bool,
    /// Whether the evaluation skips the test that the index has proven.
    pub proven: bool,
    /// Whether the evaluation skips candidates that the request's method excludes.
    pub methods: bool,
    /// Whether the index skips keys whose rules all come after a match.
    pub order: bool,
    /// Whether one search compares a value with many patterns of a test.
    pub sets: bool,
    /// The function that evaluates the rules instead of the compiled tables.
    pub interpreter: Option<Interpreter>,
}

/// A function that returns the number of the first rule, at or after a number, that matches. Tests use it to compare whole
/// decisions, from manifests to verdict, with a second implementation.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter(pub Evaluate);

/// A function of the rules, the request and the first number to evaluate.
pub type Evaluate = fn(&[Rule], &dyn Attributes, u32) -> Read<Option<u32>>;

impl PartialEq for Interpreter {
    fn eq(&self, other: &Self) -> bool {
        core::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Interpreter {}

impl Default for CompileSwitches {
    fn default() -> Self {
        Self { index: true, proven: true, methods: true, order: true, sets: true, interpreter: None }
    }
}
