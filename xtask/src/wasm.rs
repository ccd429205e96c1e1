//! `cargo xtask wasm`: builds the filter module.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::exports::{self, Trimmed};
use crate::toolchain::{Toolchain, Via};
use crate::{process, workspace};

const TARGET: &str = "wasm32-unknown-unknown";
const MAX_MEMORY: u32 = 256 * 1024 * 1024;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Use only a compiler from this source
    #[arg(long)]
    pub(crate) via: Option<Via>,
    /// Also build a module with a deliberate trap, for tests of failures
    #[arg(long)]
    pub(crate) trap: bool,
}

/// A library that is built for WebAssembly with the profile `wasm` of its workspace.
#[derive(Debug)]
struct Library<'a> {
    /// The directory of its workspace.
    root: PathBuf,
    package: &'a str,
    features: &'a [&'a str],
}

/// Builds the filter and returns the path of the module.
pub(crate) fn run(options: &Options) -> Result<PathBuf> {
    let toolchain = Toolchain::find(TARGET, options.via)?;
    if options.trap {
        build(&toolchain, &["trap"], "palisade_filter_trap.wasm")?;
    }
    build(&toolchain, &[], "palisade_filter.wasm")
}

fn build(toolchain: &Toolchain, features: &[&str], name: &str) -> Result<PathBuf> {
    let trimmed = compile(toolchain, features, &workspace::root(), &build_dir())?;
    let module = publish(&trimmed.module, name)?;
    println!("exports before: {}", trimmed.before.join(" "));
    println!("exports after:  {}", trimmed.after.join(" "));
    println!("{}: {} bytes", module.display(), trimmed.module.len());
    Ok(module)
}

/// Builds the filter from the sources in `root`.
fn compile(toolchain: &Toolchain, features: &[&str], root: &Path, target: &Path) -> Result<Trimmed> {
    let filter = Library { root: root.to_path_buf(), package: "palisade-filter", features };
    exports::trim(&filter.link(toolchain, target)?)
}

/// Builds the decisions of the benchmarks as a module without host calls.
pub(crate) fn guest() -> Result<PathBuf> {
    let guest = Library { root: workspace::root(), package: "palisade-guest", features: &[] };
    publish(&guest.link(&Toolchain::find(TARGET, None)?, &build_dir())?, "palisade_guest.wasm")
}

/// Builds the filter of the SDK as `name`, with all its exports.
pub(crate) fn sdk_filter(features: &[&str], name: &str) -> Result<PathBuf> {
    let root = workspace::root().join("benches/sdk-filter");
    let filter = Library { root, package: "sdk-filter", features };
    publish(&filter.link(&Toolchain::find(TARGET, None)?, &build_dir())?, name)
}

impl Library<'_> {
    /// The path of the linked module.
    fn link(&self, toolchain: &Toolchain, target: &Path) -> Result<Vec<u8>> {
        let mut cargo = toolchain.cargo("build", TARGET, "std,panic_abort");
        cargo.args(["--package", self.package, "--lib", "--profile", "wasm"]);
        cargo.args(["--features", &self.features.join(",")]).arg("--target-dir").arg(target);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &self.root)).current_dir(&self.root);
        process::run(&mut cargo)?;
        let module = format!("{}.wasm", self.package.replace('-', "_"));
        let built = target.join(TARGET).join("wasm").join(module);
        fs::read(&built).with_context(|| format!("cargo left no `{}`", built.display()))
    }
}

/// Its own directory, because these flags would invalidate every native build.
fn build_dir() -> PathBuf {
    workspace::target_dir().join("wasm-build")
}

/// Builds a copy of the sources in another directory, and compares the result with the shipped module.
pub(crate) fn reproduce(options: &Options) -> Result<()> {
    let module = run(options)?;
    let toolchain = Toolchain::find(TARGET, options.via)?;
    let elsewhere = tempfile::tempdir().context("cannot create a folder for the second build")?;
    let (copy, target) = (elsewhere.path().join("sources"), elsewhere.path().join("build"));
    fs::create_dir(&copy)?;
    let sources = process::ask(process::command("git").args(["ls-files"])).context("git lists no files")?;
    for file in sources.lines() {
        let to = copy.join(file);
        fs::create_dir_all(to.parent().unwrap_or(&copy))?;
        fs::copy(workspace::root().join(file), &to).with_context(|| format!("cannot copy `{file}`"))?;
    }
    let again = compile(&toolchain, &[], &copy, &target)?.module;
    ensure!(again == fs::read(&module)?, "the build in `{}` is another module", copy.display());
    println!("two builds in different folders are the same {} bytes", again.len());
    Ok(())
}

fn flags(toolchain: &Toolchain, root: &Path) -> OsString {
    let mut flags = vec![OsString::from(format!("-Clink-arg=--max-memory={MAX_MEMORY}"))];
    // The module must neither contain nor depend on the path of its build.
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let library = toolchain.sysroot().join("lib/rustlib/src/rust");
    let places = [(Some(root.to_path_buf()), "/palisade"), (home, "/cargo"), (Some(library), "/rustc")];
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

/// Copies a module and renames the copy, because a test may read the previous one. Returns its path.
fn publish(bytes: &[u8], name: &str) -> Result<PathBuf> {
    let folder = workspace::target_dir().join("wasm");
    fs::create_dir_all(&folder)?;
    let (module, scratch) = (folder.join(name), folder.join(name).with_extension("wasm.new"));
    fs::write(&scratch, bytes).with_context(|| format!("cannot write `{}`", scratch.display()))?;
    fs::rename(&scratch, &module).with_context(|| format!("cannot write `{}`", module.display()))?;
    Ok(module)
}
