//! Rules and requests at random, from an alphabet so small that they meet.

mod aim;
mod pattern;
mod request;
mod rule;

pub use aim::aim;
pub use request::sample;
pub use rule::{narrow_rules, rules, single_tests};
