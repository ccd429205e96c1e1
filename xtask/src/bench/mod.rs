//! `cargo xtask bench`: our engine beside the others, in process; `cargo xtask bench envoy`: our filter in Envoy;
//! `cargo xtask bench dns`: our DNS proxy.

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
    place: Option<Place>,
    /// Only the criterion benchmarks whose name contains this, such as `policies/palisade`
    #[arg(long)]
    only: Option<String>,
    /// Short rounds, and without what takes minutes to build: the policy engines and wasmtime
    #[arg(long)]
    quick: bool,
    /// Measure nothing: make the tables and the chart of what was measured last
    #[arg(long)]
    report: bool,
}

#[derive(Debug, Subcommand)]
enum Place {
    /// CPU of a real Envoy for each request, with our filter and beside it
    Envoy(envoy::Options),
    /// Lookups a second and their latency through the DNS proxy and through dnsmasq
    Dns(dns::Options),
}

pub(crate) fn run(options: &Options) -> Result<()> {
    match &options.place {
        Some(Place::Envoy(options)) => return envoy::run(options),
        Some(Place::Dns(options)) => return dns::run(options),
        None => {}
    }
    let kept = workspace::target_dir().join("peers/results.json");
    // What is measured no longer must not be reported.
    let goes_on = options.report || (options.only.is_some() && kept.exists());
    let mut measured = if goes_on { results::load(&kept)? } else { Vec::new() };
    if !options.report {
        let new = compare(options)?;
        measured.retain(|old| !new.iter().any(|new| new.is_of(old)));
        measured.extend(new);
        results::save(&kept, &mut measured)?;
    }
    println!("{}", table::all(&measured));
    if !options.report && options.only.is_none() {
        own(options)?;
    }
    println!("\n### summary\n\n{}", summary::all(&measured));
    if options.quick || options.only.is_some() {
        // The chart that is kept has all engines, measured well.
        return Ok(());
    }
    let chart = workspace::root().join("docs/cost.svg");
    fs::write(&chart, chart::draw(&measured)).context("cannot write docs/cost.svg")?;
    println!("chart: {}", chart.display());
    Ok(())
}

/// How often everything is measured. A shared machine is slow for seconds on end: who is measured then, and who is not,
/// is another in each round.
const ROUNDS: u32 = 3;

/// Everything that criterion measures: the fastest of all rounds, as other work can only make it slower.
fn compare(options: &Options) -> Result<Vec<Measured>> {
    let criterion = workspace::target_dir().join("peers/criterion");
    let guest = if options.quick { None } else { Some(wasm::guest()?) };
    let mut best: Vec<Measured> = Vec::new();
    for _ in 0..if options.quick { 1 } else { ROUNDS } {
        if criterion.exists() {
            fs::remove_dir_all(&criterion).context("cannot remove the results before")?;
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

/// What criterion does not: building, and what only ours is asked.
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

/// Cargo in the workspace of the competitors, which are neither built nor locked with the rest.
pub(crate) fn peers(arguments: &[&str]) -> Command {
    let mut cargo = cargo(arguments);
    cargo.current_dir(workspace::root().join("benches/peers"));
    cargo.env("CARGO_TARGET_DIR", workspace::target_dir().join("peers"));
    cargo
}
