//! Python packages, pinned by hash, installed into the target directory.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::fetch::target_dir;

/// The suggestion for a failed installation.
pub const HELP: &str = "help: this needs Python 3.11 or later with pip, and a package index";

/// Returns the directory with the packages of `requirements`, the text of a pip requirements file with hashes.
///
/// The first call installs them below `target/NAME`. Concurrent calls, also in other processes, wait for it.
///
/// # Errors
///
/// Returns an error if Python or pip is missing, a hash differs, or the package index cannot be reached.
pub fn packages(name: &str, requirements: &str) -> Result<PathBuf> {
    let tag = Command::new("python3")
        .args(["-c", "import sys; print(sys.implementation.cache_tag)"])
        .output()
        .with_context(|| format!("cannot run `python3`\n{HELP}"))?;
    let tag = String::from_utf8(tag.stdout).context("invalid name of the Python implementation")?;
    let digest = format!("{:x}", Sha256::digest(requirements));
    let version = format!("{}-{}", tag.trim(), digest.get(..16).unwrap_or_default());
    let parent = target_dir().join(name);
    let folder = parent.join(version);
    if folder.is_dir() {
        return Ok(folder);
    }
    fs::create_dir_all(&parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
    let lock = File::create(parent.join("lock")).context("cannot create the install lock")?;
    lock.lock().context("cannot take the install lock")?;
    if !folder.is_dir() {
        install(name, requirements, &parent, &folder)?;
    }
    Ok(folder)
}

fn install(name: &str, requirements: &str, parent: &Path, folder: &Path) -> Result<()> {
    let scratch = tempfile::tempdir_in(parent).context("cannot create an install folder")?;
    let (list, packages) = (scratch.path().join("requirements.txt"), scratch.path().join("packages"));
    fs::write(&list, requirements)?;
    let output = Command::new("python3")
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--root-user-action", "ignore", "--only-binary", ":all:", "--require-hashes", "--requirement"])
        .arg(&list)
        .arg("--target")
        .arg(&packages)
        .output()
        .with_context(|| format!("cannot run `python3`\n{HELP}"))?;
    if !output.status.success() {
        bail!(
            "pip cannot install the packages of `{name}`: {}\n{HELP}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    fs::rename(&packages, folder).with_context(|| format!("cannot move packages to `{}`", folder.display()))
}
