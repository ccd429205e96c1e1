//! The steps of `cargo xtask test`, one function each.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;

use super::tally::{Skipped, Tally};
use super::{Context, Outcome};
use crate::process::{ask, cargo, command, run, run_watched};
use crate::{bench, cost, dependencies, differential, envoy, fuzz, no_std, published, spelling, wasm};

/// The steps by name, in order: cheap checks first, and a step after those whose results it needs.
pub(super) const ALWAYS: [(&str, Step); 16] = [
    ("formatting", formatting),
    ("lints", lints),
    ("dependencies", dependencies),
    ("spelling", spelling),
    ("packages", packages),
    ("no_std build", no_std_build),
    ("wasm build", wasm_build),
    ("the same build", same_build),
    ("Envoy download", envoy_download),
    ("command line", command_line),
    ("filter in Envoy", filter_in_envoy),
    ("cost", cost_of_decisions),
    ("native RBAC", native_rbac),
    ("competitors", competitors),
    ("tests", tests),
    ("documentation", documentation),
];

/// The steps that only `cargo xtask test --long` runs.
pub(super) const LONG_ONLY: [(&str, Step); 1] = [("fuzzing", fuzzing)];

pub(super) type Step = fn(&mut Context) -> Result<Outcome>;

fn formatting(_: &mut Context) -> Result<Outcome> {
    component("rustfmt", "fmt")?;
    done(run(&mut cargo(&["fmt", "--all", "--check"])))
}

fn lints(_: &mut Context) -> Result<Outcome> {
    component("clippy", "clippy")?;
    fuzz::check()?;
    let features = ["--features", STATS];
    let clippy = ["clippy", "--workspace", "--all-targets"];
    done(run(cargo(&clippy).args(features).args(["--", "-D", "warnings"])))
}

/// `palisade bundle --stats`, left out of the command by default: the runtime takes minutes to build.
const STATS: &str = "palisade-cli/stats";

fn dependencies(_: &mut Context) -> Result<Outcome> {
    done(dependencies::check())
}

fn spelling(_: &mut Context) -> Result<Outcome> {
    done(spelling::check())
}

fn packages(_: &mut Context) -> Result<Outcome> {
    done(published::check())
}

fn no_std_build(_: &mut Context) -> Result<Outcome> {
    done(no_std::run(&no_std::Options::default()))
}

fn wasm_build(_: &mut Context) -> Result<Outcome> {
    done(wasm::run(&wasm::Options { trap: true, ..wasm::Options::default() }).map(drop))
}

fn same_build(_: &mut Context) -> Result<Outcome> {
    if ask(command("git").args(["ls-files", "--error-unmatch", "Cargo.toml"])).is_none() {
        return Ok(Outcome::Skipped("git does not know which files are the sources"));
    }
    done(wasm::reproduce(&wasm::Options::default()))
}

fn envoy_download(_: &mut Context) -> Result<Outcome> {
    let binary = palisade_envoy::fetch::binary()?;
    done(run(command(&binary.to_string_lossy()).arg("--version")))
}

fn command_line(_: &mut Context) -> Result<Outcome> {
    done(run(&mut cargo(&["run", "--release", "--", "test", "policies/"])))
}

fn filter_in_envoy(_: &mut Context) -> Result<Outcome> {
    done(envoy::run(&envoy::Options { once: true }))
}

/// The seed of the pairs that are the same in every run.
const SEED: u64 = 1;

fn native_rbac(context: &mut Context) -> Result<Outcome> {
    let long = context.options.long;
    differential::run(&differential::Options::of_seed(Some(SEED), false))?;
    done(differential::run(&differential::Options::of_seed(None, long)))
}

fn cost_of_decisions(_: &mut Context) -> Result<Outcome> {
    let not_run = cost::run_or_reason(&cost::Options::default())?;
    Ok(not_run.map_or(Outcome::Passed, Outcome::Skipped))
}

/// Those that are built in seconds; the policy engines show that they agree before they are timed.
fn competitors(context: &mut Context) -> Result<Outcome> {
    tested(&mut bench::peers(&["test", "--no-default-features"]), context)
}

/// Tests that wait for minutes run only where this variable is set.
const LONG: &str = "PALISADE_LONG";

fn tests(context: &mut Context) -> Result<Outcome> {
    // The module was built before: where it is missing, its back ends must not be left out in silence.
    let mut tests = cargo(&["test", "--workspace", "--features", STATS, "--no-fail-fast"]);
    tests.env("PALISADE_REQUIRE_WASM", "1");
    if context.options.long {
        tests.env(LONG, "1");
    }
    tested(&mut tests, context)
}

/// Runs `cargo test` and adds its results to the counts.
fn tested(tests: &mut Command, context: &mut Context) -> Result<Outcome> {
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

fn documentation(_: &mut Context) -> Result<Outcome> {
    // The command `palisade` would be written over the library `palisade`.
    done(run(cargo(&["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings")))
}

fn fuzzing(_: &mut Context) -> Result<Outcome> {
    done(fuzz::run_all(&fuzz::Options::default()))
}

/// A minimal rustup profile lacks these two.
fn component(name: &str, subcommand: &str) -> Result<()> {
    if ask(&mut cargo(&[subcommand, "--version"])).is_some() {
        return Ok(());
    }
    run(command("rustup").args(["component", "add", name]))
}

fn done(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed)
}
