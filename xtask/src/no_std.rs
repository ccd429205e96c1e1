//! `cargo xtask no-std`: builds the engine where std does not exist, so that needing it cannot go unseen.

use anyhow::Result;
use clap::Args;

use crate::toolchain::{Toolchain, Via};
use crate::{process, workspace};

/// Bare metal, 32 bits.
const TARGET: &str = "thumbv7em-none-eabihf";

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Take the compiler from here and nowhere else
    #[arg(long)]
    pub(crate) via: Option<Via>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let toolchain = Toolchain::find(TARGET, options.via)?;
    let mut cargo = toolchain.cargo("build", TARGET, "core,alloc");
    cargo.args(["--package", "palisade", "--no-default-features"]);
    // Debian's compiler and rustup's would build everything again in turns.
    cargo.arg("--target-dir").arg(workspace::target_dir().join("no-std-build"));
    process::run(&mut cargo)
}
