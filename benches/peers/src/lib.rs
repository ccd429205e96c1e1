//! Other engines with the policies of `palisade_benches`, each in its own language.
//!
//! Each engine first decides requests with known results ([`Peer::checked`]). Only engines with correct results are measured.

mod engine;
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
pub use engine::PolicyEngine;
pub use policies::all as all_policies;
#[cfg(feature = "wasm")]
pub use wasm::Guest;
