//! Other engines, each given the policies of `palisade_benches` in its own language.
//!
//! Every one is first asked all of [`palisade_benches::principal::checks`]: what decides otherwise is not measured.

#[cfg(feature = "engines")]
mod engines;
mod names;
mod paths;
mod policies;

pub use names::{Names, all as all_names, checks as name_checks};
pub use paths::{Paths, all as all_paths};
pub use policies::{Policies, all as all_policies};
