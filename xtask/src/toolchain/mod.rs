//! A compiler for a target other than this machine's: found, completed or installed.

mod debian;
mod rustup;

use core::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

/// Where a compiler may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// A rustup toolchain, with the target added if need be
    Rustup,
    /// Debian's compiler with Debian's copy of the library's source
    Debian,
}

/// A compiler for one target.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// The active one, which has the target's library.
    Active { sysroot: PathBuf },
    /// Another one that rustup knows.
    Named { name: String, sysroot: PathBuf },
    /// Debian's, which builds the library from source.
    Debian { sysroot: PathBuf },
}

impl Toolchain {
    /// The first way that works, or the one asked for.
    pub(crate) fn find(target: &str, via: Option<Via>) -> Result<Self> {
        let toolchain = match via {
            Some(Via::Rustup) => rustup::find(target).with_context(|| {
                format!("no rustup toolchain has or gets `{target}`\nhelp: try `--via debian`")
            })?,
            Some(Via::Debian) => debian::find()?,
            None => match rustup::find(target) {
                Some(toolchain) => toolchain,
                None => debian::find().with_context(|| {
                    format!("nothing here builds for `{target}`\nhelp: run `rustup target add {target}`")
                })?,
            },
        };
        eprintln!("building for {target} with {toolchain}");
        Ok(toolchain)
    }

    /// `cargo SUBCOMMAND` for the target; `library` is what is built from source where that is needed.
    pub(crate) fn cargo(&self, subcommand: &str, target: &str, library: &str) -> Command {
        let mut cargo = match self {
            Self::Active { .. } => crate::process::command("cargo"),
            Self::Named { name, .. } => rustup::run(name, "cargo"),
            Self::Debian { .. } => debian::cargo(),
        };
        // The flags of the caller's shell are for this machine, and would come before ours.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        cargo.args([subcommand, "--target", target]);
        if matches!(self, Self::Debian { .. }) {
            cargo.arg(format!("-Zbuild-std={library}"));
        }
        cargo
    }

    /// The folder that the library's source, if present, is below.
    pub(crate) fn sysroot(&self) -> &PathBuf {
        match self {
            Self::Active { sysroot } | Self::Named { sysroot, .. } | Self::Debian { sysroot } => sysroot,
        }
    }

    /// The linker for WebAssembly, if it is not the compiler's own.
    pub(crate) fn wasm_linker(&self) -> Option<&'static str> {
        matches!(self, Self::Debian { .. }).then_some(debian::WASM_LINKER)
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active { .. } => f.write_str("the active toolchain"),
            Self::Named { name, .. } => write!(f, "the rustup toolchain `{name}`"),
            Self::Debian { .. } => f.write_str("Debian's rustc, the library built from source"),
        }
    }
}
