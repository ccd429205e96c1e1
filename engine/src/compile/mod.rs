//! Compiles rules to a [`Program`]: flat tables of instructions, and an index that returns the few rules that can match a
//! request.
//!
//! | file | content |
//! |---|---|
//! | `instruction` | one test in its compiled form |
//! | `methods`, `matcher`, `intern` | tables that tests share: methods, sets of patterns, attributes, literals |
//! | `provenance` | the origin of each instruction, for explanations |
//! | `context` | reads the attributes of a request and compares them with operands |
//! | `index_plan` | chooses the keys under which the index stores a rule |
//! | `posting`, `posting_lists`, `index` | the index: from the value of an attribute to rules |
//! | `program` | the compiled rules |
//! | `evaluate` | the evaluation for decisions and explanations |
//! | `values` | the values of a request that a test reads, for explanations |

mod compiled_rules;
mod context;
mod evaluate;
mod index;
mod index_plan;
mod instruction;
mod intern;
mod matcher;
mod methods;
mod posting;
mod posting_lists;
mod program;
mod provenance;
mod values;

pub use compiled_rules::CompiledRules;
pub(crate) use context::Context;
pub(crate) use evaluate::Observer;
pub(crate) use program::{PlacedTest, Program};
