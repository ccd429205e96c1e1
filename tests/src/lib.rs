//! Parts of the conformance tests: a reference evaluator of lowered rules, random requests and rules, and the back ends that
//! run case files.

pub mod backend;
pub mod generate;
pub mod reference;
pub mod sample;
