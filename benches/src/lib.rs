//! Policy sets of known shape and size for the benchmarks, and the requests that go with them.

pub mod adversarial;
pub mod ask;
pub mod decisions;
pub mod mix;
pub mod names;
pub mod principal;
pub mod random;
pub mod routes;
