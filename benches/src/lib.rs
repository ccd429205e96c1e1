//! Policy sets of known shape and size for the benchmarks, with matching and non-matching requests.

pub mod adversarial;
pub mod decisions;
pub mod mix;
pub mod names;
pub mod principal;
pub mod requests;
pub mod routes;

pub use palisade_test_support::Random;
