//! Turns lowered rules into a [`Program`]: flat tables of tests, and an index that finds the few rules that can
//! still match a request without looking at the others.

mod anchor;
mod compiled_rules;
mod evaluate;
mod index;
mod intern;
mod program;

pub use compiled_rules::CompiledRules;
pub(crate) use evaluate::{FailedTest, Observer, texts};
pub(crate) use program::Program;
pub use program::{CompileSwitches, Evaluate, Interpreter};
