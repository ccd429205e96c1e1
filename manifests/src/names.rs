//! The names of manifests and of case files.

use std::path::Path;

/// Returns whether the name of `path` is that of a case file.
pub fn is_case_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".cases.yaml") || name.ends_with(".cases.yml")
}

/// Returns whether the name of `path` is that of a manifest.
pub fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy()).unwrap_or_default();
    ["yaml", "yml", "json"].contains(&&*extension) && !is_case_file(path)
}
