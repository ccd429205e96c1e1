//! Debian's compiler and library source, for machines whose rustup cannot reach its server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::{ask, command, run};

/// The linker of the package `lld-22`.
pub(super) const WASM_LINKER: &str = "wasm-ld-22";

const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";

/// Returns the sysroot of Debian's compiler, after its installation if necessary.
pub(super) fn find() -> Result<PathBuf> {
    if !installed() {
        install()?;
    }
    let sysroot = ask(command(RUSTC).args(["--print", "sysroot"])).map(PathBuf::from);
    sysroot.with_context(|| format!("cannot run `{RUSTC}`"))
}

/// Returns Debian's cargo with Debian's compiler, even if those of rustup are first in the path.
pub(super) fn cargo() -> Command {
    let mut cargo = command(CARGO);
    cargo.env("RUSTC", RUSTC).env_remove("RUSTUP_TOOLCHAIN");
    // A stable compiler builds the library only with nightly features enabled.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    cargo
}

fn installed() -> bool {
    let states = ask(command("dpkg-query").args(["-W", "-f=${db:Status-Abbrev}\n"]).args(PACKAGES));
    states.is_some_and(|states| states.lines().all(|state| state.starts_with("ii")))
}

fn install() -> Result<()> {
    let packages = PACKAGES.join(" ");
    let help = format!("help: as root, run `apt-get install --no-install-recommends {packages}`");
    ensure!(Path::new("/usr/bin/apt-get").exists(), "not a Debian system: missing apt-get");
    ensure!(ask(command("id").arg("-u")).as_deref() == Some("0"), "only root can install packages\n{help}");
    // A new image has no package lists; other systems need no update.
    run(&mut apt_get_install())
        .or_else(|_| run(command("apt-get").arg("update")).and_then(|()| run(&mut apt_get_install())))
        .with_context(|| format!("cannot install Debian's compiler\n{help}"))
}

fn apt_get_install() -> Command {
    let mut apt = command("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive");
    apt.args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(PACKAGES);
    apt
}
