//! `cargo xtask package`: each published crate, packaged and built from its package, with each combination of features.

use anyhow::{Result, ensure};

use crate::process::{ask, cargo, command, run};
use crate::workspace;

/// The published crates, which others use from crates.io.
const PUBLISHED: [&str; 1] = ["palisade"];

/// The combinations of features that no other step builds. Other steps build `default` and, for `no_std`, no features.
const FEATURES: [&str; 1] = ["std"];

/// The oldest supported version of Rust, from the manifests.
const MSRV: &str = env!("CARGO_PKG_RUST_VERSION");

/// Packages each published crate and builds it from the package with the oldest supported compiler.
///
/// # Errors
///
/// Returns an error if a crate cannot be packaged or does not build.
pub(crate) fn check() -> Result<()> {
    let toolchain = oldest()?;
    let target = workspace::target_dir().join("package-build");
    for name in PUBLISHED {
        let mut package = command("cargo");
        package
            .args(toolchain.iter())
            .args(["package", "--package", name, "--allow-dirty", "--target-dir"])
            .arg(&target);
        run(&mut package)?;
        for features in FEATURES {
            let mut check = command("cargo");
            check.args(toolchain.iter()).args(["check", "--package", name, "--no-default-features"]);
            run(check.args(["--features", features, "--target-dir"]).arg(&target))?;
        }
    }
    Ok(())
}

/// Returns `+VERSION` for the oldest supported compiler, which it installs if necessary, or `None` if it is the active one.
fn oldest() -> Result<Option<String>> {
    let active = ask(command("rustc").arg("--version")).unwrap_or_default();
    if active.split_whitespace().nth(1).is_some_and(|version| version.starts_with(&format!("{MSRV}."))) {
        return Ok(None);
    }
    let toolchain = format!("+{MSRV}");
    if ask(cargo(&[&toolchain]).arg("--version")).is_none() {
        run(command("rustup").args(["toolchain", "install", MSRV, "--profile", "minimal"]))?;
    }
    ensure!(ask(cargo(&[&toolchain]).arg("--version")).is_some(), "cannot run Rust {MSRV}");
    Ok(Some(toolchain))
}
