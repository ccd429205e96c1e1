//! The steps of `cargo xtask test`, one function each.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;

use super::context::{Context, StepOutcome};
use super::tally::{Skipped, Tally};
use crate::process::{ask, cargo, command, run, run_watched};
use crate::{bench, cost, dependencies, differential, envoy, fuzz, no_std, published, spelling, wasm};

/// One check of the project.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Context) -> Result<StepOutcome>,
    /// The resources that no other step may use at the same time.
    pub(super) locks: &'static [Lock],
    /// The steps whose results it needs.
    pub(super) after: &'static [&'static str],
}

/// A resource that only one step at a time can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lock {
    /// Cargo's build directory `target/debug`.
    Debug,
    /// Cargo's build directory `target/release`.
    Release,
    /// The build directory of the WebAssembly modules.
    Wasm,
    /// The state of rustup: targets, components and toolchains.
    Toolchain,
}

/// The steps in the order in which they start if nothing delays them. The long chain of debug builds comes first, so that
/// the other steps run at the same time.
pub(super) const ALWAYS: [Step; 16] = [
    Step { name: "formatting", run: formatting, locks: &[Lock::Toolchain], after: &[] },
    Step { name: "envoy-download", run: envoy_download, locks: &[], after: &[] },
    Step { name: "lints", run: lints, locks: &[Lock::Debug, Lock::Toolchain], after: &["formatting"] },
    Step { name: "dependencies", run: dependencies, locks: &[], after: &[] },
    Step { name: "spelling", run: spelling, locks: &[], after: &[] },
    Step { name: "command-line", run: command_line, locks: &[Lock::Release], after: &[] },
    Step { name: "wasm-build", run: wasm_build, locks: &[Lock::Wasm, Lock::Toolchain], after: &[] },
    Step {
        name: "tests",
        run: tests,
        locks: &[Lock::Debug],
        after: &["lints", "wasm-build", "envoy-download"],
    },
    Step { name: "same-build", run: same_build, locks: &[Lock::Wasm], after: &["wasm-build"] },
    Step { name: "no-std", run: no_std_build, locks: &[Lock::Toolchain], after: &[] },
    Step { name: "packages", run: packages, locks: &[Lock::Toolchain], after: &[] },
    Step { name: "competitors", run: competitors, locks: &[], after: &[] },
    Step { name: "cost", run: cost_of_decisions, locks: &[Lock::Release], after: &[] },
    Step { name: "filter-in-envoy", run: filter_in_envoy, locks: &[Lock::Wasm], after: NEED_MODULE },
    Step { name: "native-rbac", run: native_rbac, locks: &[], after: NEED_MODULE },
    Step { name: "documentation", run: documentation, locks: &[Lock::Debug], after: &["tests"] },
];

/// The steps that only `cargo xtask test --long` runs.
pub(super) const LONG_ONLY: [Step; 1] =
    [Step { name: "fuzzing", run: fuzzing, locks: &[], after: &["tests"] }];

const NEED_MODULE: &[&str] = &["wasm-build", "envoy-download"];

fn formatting(_: &mut Context) -> Result<StepOutcome> {
    component("rustfmt", "fmt")?;
    done(run(&mut cargo(&["fmt", "--all", "--check"])))
}

fn lints(_: &mut Context) -> Result<StepOutcome> {
    component("clippy", "clippy")?;
    fuzz::check()?;
    let features = ["--features", STATS];
    let clippy = ["clippy", "--workspace", "--all-targets"];
    done(run(cargo(&clippy).args(features).args(["--", "-D", "warnings"])))
}

/// The feature of `palisade bundle --stats`. It is off by default, because the runtime takes minutes to build.
const STATS: &str = "palisade-cli/stats";

fn dependencies(_: &mut Context) -> Result<StepOutcome> {
    done(dependencies::check())
}

fn spelling(_: &mut Context) -> Result<StepOutcome> {
    done(spelling::check())
}

fn packages(_: &mut Context) -> Result<StepOutcome> {
    done(published::check())
}

fn no_std_build(_: &mut Context) -> Result<StepOutcome> {
    done(no_std::run(&no_std::Options::default()))
}

fn wasm_build(_: &mut Context) -> Result<StepOutcome> {
    done(wasm::run(&wasm::Options { trap: true, ..wasm::Options::default() }).map(drop))
}

fn same_build(_: &mut Context) -> Result<StepOutcome> {
    if ask(command("git").args(["ls-files", "--error-unmatch", "Cargo.toml"])).is_none() {
        return Ok(StepOutcome::Skipped("git does not track the sources"));
    }
    done(wasm::reproduce(&wasm::Options::default()))
}

fn envoy_download(_: &mut Context) -> Result<StepOutcome> {
    let binary = palisade_envoy::fetch::binary()?;
    done(run(command(&binary.to_string_lossy()).arg("--version")))
}

fn command_line(_: &mut Context) -> Result<StepOutcome> {
    done(run(&mut cargo(&["run", "--release", "--", "test", "policies/"])))
}

fn filter_in_envoy(_: &mut Context) -> Result<StepOutcome> {
    done(envoy::run(&envoy::Options { once: true }))
}

/// The seed of the pairs that every run repeats.
const SEED: u64 = 1;

fn native_rbac(context: &mut Context) -> Result<StepOutcome> {
    let long = context.options.long;
    differential::run(&differential::Options::of_seed(Some(SEED), false))?;
    done(differential::run(&differential::Options::of_seed(None, long)))
}

fn cost_of_decisions(_: &mut Context) -> Result<StepOutcome> {
    let not_run = cost::run_or_reason(&cost::Options::default())?;
    Ok(not_run.map_or(StepOutcome::Passed, StepOutcome::Skipped))
}

/// Tests the peers that build in seconds. The policy engines are checked when they are measured.
fn competitors(context: &mut Context) -> Result<StepOutcome> {
    tested(&mut bench::peers(&["test", "--no-default-features"]), context)
}

/// The variable that enables tests with waits of minutes.
const LONG: &str = "PALISADE_LONG";

fn tests(context: &mut Context) -> Result<StepOutcome> {
    // An earlier step has built the module, so its absence must not skip the tests of its back ends.
    let mut tests = cargo(&["test", "--workspace", "--features", STATS, "--no-fail-fast"]);
    tests.env("PALISADE_REQUIRE_WASM", "1");
    if context.options.long {
        tests.env(LONG, "1");
    }
    tested(&mut tests, context)
}

/// Runs `cargo test` and adds its results to the counts.
fn tested(tests: &mut Command, context: &mut Context) -> Result<StepOutcome> {
    let (mut tally, mut skipped) = (Tally::default(), BTreeSet::new());
    let result = run_watched(tests, |line| {
        if let Some(counts) = Tally::of_line(line) {
            tally += counts;
        }
        skipped.extend(Skipped::of_line(line));
    });
    let names: BTreeSet<&str> = skipped.iter().map(|skipped| skipped.name.as_str()).collect();
    tally.skip(names.len());
    context.tally += tally;
    context.skipped.extend(skipped);
    done(result)
}

fn documentation(_: &mut Context) -> Result<StepOutcome> {
    // The pages of the command `palisade` would overwrite those of the library `palisade`.
    done(run(cargo(&["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings")))
}

fn fuzzing(_: &mut Context) -> Result<StepOutcome> {
    done(fuzz::run_all(&fuzz::Options::default()))
}

/// Installs a component that a minimal rustup profile does not contain.
fn component(name: &str, subcommand: &str) -> Result<()> {
    if ask(&mut cargo(&[subcommand, "--version"])).is_some() {
        return Ok(());
    }
    run(command("rustup").args(["component", "add", name]))
}

fn done(result: Result<()>) -> Result<StepOutcome> {
    result.map(|()| StepOutcome::Passed)
}
