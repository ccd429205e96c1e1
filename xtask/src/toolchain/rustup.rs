//! The toolchains of rustup, or the `rustc` in the path.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{ask, command};

/// The oldest minor version of Rust 1 that builds the workspace.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// An installed toolchain.
#[derive(Debug)]
pub(crate) struct Installed {
    /// The name in rustup, or `None` for the active toolchain.
    pub(super) name: Option<String>,
    pub(super) sysroot: PathBuf,
}

/// Returns a toolchain with the target's library, after `rustup target add` if there is none.
pub(super) fn find(target: &str) -> Option<Installed> {
    active(target).or_else(|| named(target)).or_else(|| {
        eprintln!("no toolchain has {target}, adding it");
        command("rustup").args(["target", "add", target]).status().ok().filter(|status| status.success())?;
        active(target)
    })
}

/// Returns a command that runs a program of a toolchain.
pub(super) fn run(toolchain: &str, program: &str) -> Command {
    let mut rustup = command("rustup");
    rustup.args(["run", toolchain, program]);
    rustup
}

fn active(target: &str) -> Option<Installed> {
    let sysroot = sysroot(&mut command("rustc"))?;
    has(&sysroot, target).then_some(Installed { name: None, sysroot })
}

fn named(target: &str) -> Option<Installed> {
    let listed = ask(command("rustup").args(["toolchain", "list"]))?;
    listed.lines().filter_map(|line| line.split_whitespace().next()).find_map(|name| {
        let sysroot = sysroot(&mut run(name, "rustc"))?;
        let version = ask(run(name, "rustc").arg("--version"))?;
        let usable = has(&sysroot, target) && minor(&version)? >= minor(OLDEST)?;
        usable.then(|| Installed { name: Some(name.to_owned()), sysroot })
    })
}

fn sysroot(rustc: &mut Command) -> Option<PathBuf> {
    ask(rustc.args(["--print", "sysroot"])).map(PathBuf::from)
}

fn has(sysroot: &Path, target: &str) -> bool {
    sysroot.join("lib/rustlib").join(target).join("lib").is_dir()
}

/// Returns the minor version in `1.95`, `1.95.0` or `rustc 1.95.0 (...)`.
fn minor(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with("1."))?;
    number.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minor_version_is_parsed_with_and_without_program_name() {
        assert_eq!(minor("1.95"), Some(95));
        assert_eq!(minor("rustc 1.97.0-nightly (0123456 2026-01-01)"), Some(97));
        assert_eq!(minor("rustc"), None);
    }

    #[test]
    fn unknown_target_has_no_library() {
        let sysroot = sysroot(&mut command("rustc")).unwrap();
        assert!(!has(&sysroot, "no-such-target"));
    }
}
