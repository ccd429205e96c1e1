//! Where things are in this repository.

use std::path::{Path, PathBuf};

pub(crate) use palisade_envoy::fetch::target_dir;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}
