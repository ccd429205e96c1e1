//! Random rules and requests, from an alphabet so small that they often match.

mod aim;
mod direction;
mod pattern;
mod request;
mod rule;

pub use aim::aim;
pub use direction::direction;
pub use request::sample;
pub use rule::{narrow_rules, one_attribute, rules, single_tests};
