//! Other engines, each given the policies of `palisade_benches` in its own language.
//!
//! Every one is first asked questions with known answers ([`Peer::check`]): what decides otherwise is not measured.

#[cfg(feature = "engines")]
mod engines;
mod names;
mod paths;
mod peer;
mod policies;
#[cfg(feature = "wasm")]
mod wasm;

// The public interface.
pub use names::{Names, all as all_names};
pub use paths::{Paths, all as all_paths};
pub use peer::Peer;
pub use policies::{Policies, all as all_policies};
#[cfg(feature = "wasm")]
pub use wasm::Guest;
