//! Turns lowered rules into a [`Program`]: flat tables of tests, and an index that finds the few rules that can
//! still match a request without looking at the others.
//!
//! | file | |
//! |---|---|
//! | `program` | rules to tables |
//! | `step`, `intern` | one test as it is stored; what tests share: attributes, literals, sets of patterns |
//! | `anchor` | through which of its tests the index finds a rule |
//! | `index`, `runs` | from an attribute's value to the rules entered under it |
//! | `methods` | which methods a rule can hold with, as bits of a number |
//! | `evaluate` | the walk that decides and explains |
//! | `context` | a request being decided: its attributes, by name |

mod anchor;
mod compiled_rules;
mod context;
mod evaluate;
mod index;
mod intern;
mod methods;
mod program;
mod runs;
mod step;
mod switches;

pub use compiled_rules::CompiledRules;
pub(crate) use context::Context;
pub(crate) use evaluate::{FailedTest, Observer};
pub(crate) use program::Program;
pub use switches::{CompileSwitches, Evaluate, Interpreter};
