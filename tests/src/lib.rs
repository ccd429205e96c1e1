//! What the conformance tests are made of: a naive evaluator of lowered rules, requests and rules at random, and
//! the back ends that case files run on.

pub mod backend;
pub mod generate;
pub mod reference;
pub mod sample;
