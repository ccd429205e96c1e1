//! `cargo xtask no-std`: builds the engine for a target without std, so that a use of std is an error.

use anyhow::Result;
use clap::Args;

use crate::toolchain::{Toolchain, Via};
use crate::{process, workspace};

/// A 32-bit target without an operating system.
const TARGET: &str = "thumbv7em-none-eabihf";

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Use only a compiler from this source
    #[arg(long)]
    pub(crate) via: Option<Via>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let toolchain = Toolchain::find(TARGET, options.via)?;
    let mut cargo = toolchain.cargo("build", TARGET, "core,alloc");
    cargo.args(["--package", "palisade", "--no-default-features"]);
    // Its own directory, because Debian's compiler and rustup's would replace each other's output.
    cargo.arg("--target-dir").arg(workspace::target_dir().join("no-std-build"));
    process::run(&mut cargo)
}
