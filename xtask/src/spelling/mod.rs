//! `cargo xtask spelling`: misspelt words in code, documents and case files, found by typos from PyPI.

use anyhow::{Context, Result};
use palisade_envoy::python;

use crate::process::{command, run};

const REQUIREMENTS: &str = include_str!("requirements.txt");

/// Checks every file that git does not ignore. `typos.toml` lists correct words that the checker does not accept.
///
/// # Errors
///
/// Returns an error if a word is misspelt or the checker cannot be installed.
pub(crate) fn check() -> Result<()> {
    let packages = python::packages("typos", REQUIREMENTS).context("cannot install the spelling checker")?;
    run(&mut command(&packages.join("bin/typos").to_string_lossy()))
}
