//! Finds or installs a compiler for a target other than this machine.

mod debian;
mod rustup;

use core::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use self::rustup::Installed;

/// The source of a compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// A rustup toolchain; the target is added if necessary
    Rustup,
    /// Debian's compiler with Debian's library source
    Debian,
}

/// A compiler for one target.
#[derive(Debug)]
pub(crate) enum Toolchain {
    /// A rustup toolchain with the target's library.
    Rustup(Installed),
    /// Debian's compiler, which builds the library from source.
    Debian { sysroot: PathBuf },
}

impl Toolchain {
    /// Returns the compiler of the given source, or of the first source that has one.
    pub(crate) fn find(target: &str, via: Option<Via>) -> Result<Self> {
        let toolchain = match via {
            Some(Via::Rustup) => Self::Rustup(rustup::find(target).with_context(|| {
                format!("no rustup toolchain has the target `{target}`\nhelp: try `--via debian`")
            })?),
            Some(Via::Debian) => Self::Debian { sysroot: debian::find()? },
            None => match rustup::find(target) {
                Some(installed) => Self::Rustup(installed),
                None => Self::Debian {
                    sysroot: debian::find().with_context(|| {
                        format!("no compiler for `{target}`\nhelp: run `rustup target add {target}`")
                    })?,
                },
            },
        };
        eprintln!("building for {target} with {toolchain}");
        Ok(toolchain)
    }

    /// Returns `cargo SUBCOMMAND` for the target. `library` names the crates of the standard library that Debian's compiler
    /// builds from source.
    pub(crate) fn cargo(&self, subcommand: &str, target: &str, library: &str) -> Command {
        let mut cargo = match self {
            Self::Rustup(Installed { name: None, .. }) => crate::process::command("cargo"),
            Self::Rustup(Installed { name: Some(name), .. }) => rustup::run(name, "cargo"),
            Self::Debian { .. } => debian::cargo(),
        };
        // The flags in the environment apply to this machine, and would override those of the command.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
        cargo.args([subcommand, "--target", target]);
        if matches!(self, Self::Debian { .. }) {
            cargo.arg(format!("-Zbuild-std={library}"));
        }
        cargo
    }

    /// Returns the directory that contains the library's source, if it is installed.
    pub(crate) fn sysroot(&self) -> &PathBuf {
        match self {
            Self::Rustup(Installed { sysroot, .. }) | Self::Debian { sysroot } => sysroot,
        }
    }

    /// Returns the linker for WebAssembly if the compiler contains none.
    pub(crate) fn wasm_linker(&self) -> Option<&'static str> {
        matches!(self, Self::Debian { .. }).then_some(debian::WASM_LINKER)
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup(Installed { name: None, .. }) => f.write_str("the active toolchain"),
            Self::Rustup(Installed { name: Some(name), .. }) => write!(f, "the rustup toolchain `{name}`"),
            Self::Debian { .. } => f.write_str("Debian's rustc and the library built from source"),
        }
    }
}
