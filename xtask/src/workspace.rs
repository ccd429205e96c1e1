//! Paths in this repository.

use std::path::{Path, PathBuf};

pub(crate) use palisade_envoy::fetch::target_dir;

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
