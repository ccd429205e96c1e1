//! Support for tests and benchmarks: the conformance corpus, the built filter module, and reproducible random numbers.
//!
//! A test that cannot run calls [`skip`] and returns. libtest counts such a test as passed, so [`skip`] also prints a line
//! that `cargo xtask test` reads: it moves the test from `passed` to `skipped` and prints the reason.

mod random;

pub use random::Random;

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
};

/// The text between the test's name and its reason in the line that [`skip`] prints.
pub const SKIPPED: &str = " was skipped: ";

/// Reports that the current test did not run, and why.
///
/// The line goes to the process's standard output, which libtest does not capture.
pub fn skip(reason: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("a test");
    // The leading newline separates the line from the test's name, which libtest writes without a newline.
    let _ = writeln!(io::stdout().lock(), "\n{name}{SKIPPED}{reason}");
}

/// Skips the current test because a part that `cargo xtask test` builds or installs is missing.
///
/// # Panics
///
/// If `PALISADE_REQUIRE_WASM` is set, as it is in `cargo xtask test`: there the part must exist.
pub fn skip_unless_required(reason: &str) {
    assert!(env::var_os("PALISADE_REQUIRE_WASM").is_none(), "{reason}");
    skip(reason);
}

/// Returns the file or folder `part` of the conformance corpus, or skips the test if it does not exist.
///
/// The corpus is not part of the repository. It is the folder that `PALISADE_CORPUS` names, by default `../shared/corpus`
/// next to the repository.
pub fn corpus(part: &str) -> Option<PathBuf> {
    let root =
        env::var_os("PALISADE_CORPUS").map_or_else(|| repository().join("../shared/corpus"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    skip(&format!("no conformance corpus `{part}` (PALISADE_CORPUS names its folder)"));
    None
}

/// Returns the path of the shipped filter module, or skips the test if it is not built.
///
/// # Panics
///
/// If the module is missing and `PALISADE_REQUIRE_WASM` is set.
pub fn filter_module() -> Option<PathBuf> {
    built_module("palisade_filter.wasm")
}

/// Returns the path of a module below `target/wasm`, or skips the test if it is not built.
///
/// # Panics
///
/// If the module is missing and `PALISADE_REQUIRE_WASM` is set.
pub fn built_module(name: &str) -> Option<PathBuf> {
    let path = target_dir().join("wasm").join(name);
    if let Ok(path) = path.canonicalize() {
        return Some(path);
    }
    skip_unless_required(&format!("missing `{}` (built by `cargo xtask wasm`)", path.display()));
    None
}

fn target_dir() -> PathBuf {
    // Cargo resolves a relative folder from where it was called, which is the repository's root here.
    repository().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
