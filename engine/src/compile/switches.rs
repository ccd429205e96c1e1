//! Shortcuts of compilation, each of which tests can do without.

use crate::{
    ir::Rule,
    request::{Attributes, Read},
};

/// Which shortcuts compilation may take. All on, except in tests that run the corpus with each one off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileSwitches {
    /// Find candidate rules through an index rather than try every rule.
    pub index: bool,
    /// Do not look again at the test through which the index found a rule.
    pub proven: bool,
    /// Pass over candidates that the request's method rules out.
    pub methods: bool,
    /// Leave out keys of which every rule comes after one that was found to hold.
    pub order: bool,
    /// Look at many patterns of one test at once rather than one by one.
    pub sets: bool,
    /// Evaluate the rules by this function rather than by compiled tables.
    pub interpreter: Option<Interpreter>,
}

/// A function that gives the number of the first rule, at or after a number, that holds. With it a whole decision, from
/// manifests to verdict, can be held against another reading of the rules.
#[derive(Clone, Copy, Debug)]
pub struct Interpreter(pub Evaluate);

/// Rules, request, first number to look at.
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
