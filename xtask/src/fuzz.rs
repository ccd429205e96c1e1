//! `cargo xtask fuzz`: the fuzz targets under libFuzzer, built with the stable compiler and therefore without sanitizers.
//! The engine has no unsafe code, so the targets search for panics, hangs and wrong results.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process::{ask, cargo, command, run};
use crate::workspace;

const MANIFEST: &str = "fuzz/Cargo.toml";

/// The compiler flags with which libFuzzer measures coverage.
const COVERAGE: &str = "-Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions --cfg=fuzzing \
                        -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Targets to run, by name [default: all targets]
    targets: Vec<String>,
    /// Run each target for this time
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS)]
    seconds: u32,
}

const SECONDS: u32 = 60;

impl Default for Options {
    fn default() -> Self {
        Self { targets: Vec::new(), seconds: SECONDS }
    }
}

pub(crate) fn run_all(options: &Options) -> Result<()> {
    let known = targets()?;
    if let Some(name) = options.targets.iter().find(|name| !known.contains(name)) {
        bail!("unknown fuzz target `{name}`; known targets: {}", known.join(", "));
    }
    let chosen = if options.targets.is_empty() { &known } else { &options.targets };
    let host = ask(command("rustc").args(["--print", "host-tuple"])).context("cannot run rustc")?;
    let target_dir = workspace::target_dir().join("fuzz");
    // With `--target`, the flags do not apply to build scripts, which would not link with them.
    let mut build =
        cargo(&["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target", &host]);
    run(build.arg("--target-dir").arg(&target_dir).args(["--bins"]).env("RUSTFLAGS", COVERAGE))?;
    for name in chosen {
        let binary = target_dir.join(&host).join("release").join(name);
        run(&mut session(binary, name, options.seconds)?).with_context(|| {
            format!("target `{name}` failed; its input is in {}", artifacts(name).display())
        })?;
    }
    Ok(())
}

/// Checks that the workspace of the targets resolves. This is fast, so every lint run includes it.
pub(crate) fn check() -> Result<()> {
    ask(&mut cargo(&["metadata", "--locked", "--format-version", "1", "--manifest-path", MANIFEST]))
        .map(drop)
        .with_context(|| format!("`{MANIFEST}` cannot be built; `cargo metadata` reports the reason"))
}

/// Returns the names of the targets, from their files.
fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        names.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs one target, starting with the inputs that earlier runs found.
fn session(binary: PathBuf, name: &str, seconds: u32) -> Result<Command> {
    let corpus = workspace::target_dir().join("fuzz/corpus").join(name);
    let artifacts = artifacts(name);
    for folder in [&corpus, &artifacts] {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut session = command(&binary.to_string_lossy());
    session.arg(corpus);
    if name.starts_with("yaml") {
        session.arg(workspace::root().join("policies"));
    }
    session.arg(format!("-max_total_time={seconds}"));
    session.arg(format!("-artifact_prefix={}/", artifacts.display()));
    session.args(["-max_len=4096", "-timeout=20", "-print_final_stats=1"]);
    Ok(session)
}

fn artifacts(name: &str) -> PathBuf {
    workspace::target_dir().join("fuzz/artifacts").join(name)
}
