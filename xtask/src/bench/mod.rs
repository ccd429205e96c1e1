//! `cargo xtask bench`: the engine compared with other engines, in one process. `cargo xtask bench envoy`: the filter in Envoy.
//! `cargo xtask bench dns`: the DNS proxy.

mod chart;
mod dns;
mod envoy;
mod machine;
mod results;
mod summary;
mod table;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use self::results::Result as Measured;
use crate::process::{cargo, run as run_command};
use crate::{wasm, workspace};

#[derive(Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    comparison: Option<Comparison>,
    /// Run only the criterion benchmarks whose name contains this text, such as `policies/palisade`
    #[arg(long)]
    only: Option<String>,
    /// Measure short rounds, without the policy engines and wasmtime, which take minutes to build
    #[arg(long)]
    quick: bool,
    /// Measure nothing: write the tables and the chart of the last results
    #[arg(long)]
    report: bool,
}

#[derive(Debug, Subcommand)]
enum Comparison {
    /// CPU time of a real Envoy per request, with the filter and with alternatives
    Envoy(envoy::Options),
    /// Lookups per second and latency of the DNS proxy and of dnsmasq
    Dns(dns::Options),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.comparison {
        Some(Comparison::Envoy(options)) => return envoy::run(options),
        Some(Comparison::Dns(options)) => return dns::run(options),
        None => {}
    }
    let kept = workspace::target_dir().join("peers/results.json");
    // Results of removed benchmarks must not be reported.
    let keeps_results = options.report || (options.only.is_some() && kept.exists());
    let mut measured = if keeps_results { results::load(&kept)? } else { Vec::new() };
    if !options.report {
        let new = compare(options)?;
        measured.retain(|old| !new.iter().any(|new| new.is_same_benchmark(old)));
        measured.extend(new);
        results::save(&kept, &mut measured)?;
    }
    println!("{}", table::all(&measured));
    if !options.report && options.only.is_none() {
        own(options)?;
    }
    println!("\n### summary\n\n{}", summary::all(&measured));
    if options.quick || options.only.is_some() {
        // The committed chart contains all engines, with full rounds.
        return Ok(());
    }
    let chart = workspace::root().join("docs/cost.svg");
    fs::write(&chart, chart::draw(&measured)).context("cannot write docs/cost.svg")?;
    println!("chart: {}", chart.display());
    Ok(())
}

/// Rounds of all benchmarks. A shared machine can be slow for seconds, which affects other benchmarks in each round.
const ROUNDS: u32 = 3;

/// Runs criterion's benchmarks and returns the fastest result of all rounds, as other work can only make one slower.
fn compare(options: &Options) -> Result<Vec<Measured>> {
    let criterion = workspace::target_dir().join("peers/criterion");
    let guest = if options.quick { None } else { Some(wasm::guest()?) };
    let mut best: Vec<Measured> = Vec::new();
    for _ in 0..if options.quick { 1 } else { ROUNDS } {
        if criterion.exists() {
            fs::remove_dir_all(&criterion).context("cannot remove the previous results")?;
        }
        let mut bench = options.peers(&["bench", "--bench", "decisions"]);
        bench.envs(guest.iter().map(|module| ("PALISADE_GUEST", module)));
        bench.args(["--", "--quiet"]).args(&options.only);
        if options.quick {
            bench.args(["--warm-up-time", "0.02", "--measurement-time", "0.05"]);
        }
        run_command(&mut bench)?;
        results::keep_fastest(&mut best, results::read(&criterion)?);
    }
    Ok(best)
}

/// Runs the benchmarks outside criterion: compilation, and requests that only Palisade decides.
fn own(options: &Options) -> Result<()> {
    run_command(&mut options.peers(&["run", "--release", "--bin", "building"]))?;
    let own = ["run", "--release", "--package", "palisade-benches", "--bin"];
    println!();
    run_command(cargo(&own).arg("compile"))?;
    println!();
    run_command(cargo(&own).args(["times", "--"]).args(options.quick.then_some("--quick")))
}

impl Options {
    fn peers(&self, arguments: &[&str]) -> Command {
        let mut cargo = peers(arguments);
        if self.quick {
            cargo.args(["--no-default-features", "--features", "time"]);
        }
        cargo
    }
}

/// Returns a cargo command in the workspace of the peers, which has its own lock file and build directory.
pub(crate) fn peers(arguments: &[&str]) -> Command {
    let mut cargo = cargo(arguments);
    cargo.current_dir(workspace::root().join("benches/peers"));
    cargo.env("CARGO_TARGET_DIR", workspace::target_dir().join("peers"));
    cargo
}
