//! `cargo xtask wasm`: builds the filter that ships.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::toolchain::{Toolchain, Via};
use crate::{exports, process, workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const MAX_MEMORY: u32 = 256 * 1024 * 1024;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Take the compiler from here and nowhere else
    #[arg(long)]
    pub(crate) via: Option<Via>,
}

/// Builds the filter and gives the path of the module.
pub(crate) fn run(options: &Options) -> Result<PathBuf> {
    let toolchain = Toolchain::find(TARGET, options.via)?;
    // A folder of its own: these flags would make every native build start afresh.
    let build = workspace::target_dir().join("wasm-build");
    let mut cargo = toolchain.cargo("build", TARGET, "std,panic_abort");
    cargo.args(["--package", "palisade-filter", "--lib", "--profile", "wasm", "--target-dir"]).arg(&build);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(&toolchain));
    process::run(&mut cargo)?;

    let built = build.join(TARGET).join("wasm").join("palisade_filter.wasm");
    let module = workspace::target_dir().join("wasm").join("palisade_filter.wasm");
    let linked = fs::read(&built).with_context(|| format!("cargo left no `{}`", built.display()))?;
    let trimmed = exports::trim(&linked)?;
    publish(&trimmed.module, &module)?;
    println!("linked:  {} bytes, exports {}", linked.len(), trimmed.before.join(" "));
    println!("shipped: {} bytes, exports {}", trimmed.module.len(), trimmed.after.join(" "));
    println!("{}: {} KiB", module.display(), trimmed.module.len().div_ceil(1024));
    Ok(module)
}

fn flags(toolchain: &Toolchain) -> OsString {
    let mut flags = vec![OsString::from(format!("-Clink-arg=--max-memory={MAX_MEMORY}"))];
    // The module must not tell, nor depend on, where it was built.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let library = toolchain.sysroot().join("lib/rustlib/src/rust");
    let places = [(Some(workspace::root()), "/palisade"), (home, "/cargo"), (Some(library), "/rustc")];
    for (from, to) in places {
        let Some(from) = from else { continue };
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    }
    if let Some(linker) = toolchain.wasm_linker() {
        flags.push(format!("-Clinker={linker}").into());
    }
    flags.join(&OsString::from("\u{1f}"))
}

/// Puts a copy in place in one step, as a test may be reading the one before.
fn publish(bytes: &[u8], module: &Path) -> Result<()> {
    let folder = module.parent().context("the module has no folder")?;
    fs::create_dir_all(folder)?;
    let scratch = folder.join("palisade_filter.wasm.new");
    fs::write(&scratch, bytes).with_context(|| format!("cannot write `{}`", scratch.display()))?;
    fs::rename(&scratch, module).with_context(|| format!("cannot write `{}`", module.display()))
}
