//! `cargo xtask bench`: runs the benchmarks of `benches/peers`, prints their tables, draws the chart.

mod chart;
mod results;
mod table;

use std::fs;

use anyhow::{Context, Result};
use clap::Args;

use self::results::Result as Measured;
use crate::process::{cargo, run as run_command};
use crate::workspace;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Only benchmarks whose name contains this, such as `policies/palisade`
    filter: Option<String>,
    /// Without the policy engines, which take minutes to build
    #[arg(long)]
    quick: bool,
    /// Measure nothing: make the tables of what was measured last
    #[arg(long)]
    report: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    // Not with the workspace: what is compared with shall neither be built nor locked with the rest.
    let target = workspace::target_dir().join("peers");
    if !options.report {
        let mut bench = cargo(&["bench", "--bench", "decisions"]);
        bench.current_dir(workspace::root().join("benches/peers")).env("CARGO_TARGET_DIR", &target);
        if options.quick {
            bench.arg("--no-default-features");
        }
        run_command(bench.arg("--").args(&options.filter))?;
        run_command(&mut cargo(&["run", "--release", "--package", "palisade-benches", "--bin", "compile"]))?;
    }
    let measured: Vec<Measured> = results::read(&target.join("criterion"))?;
    println!("{}", table::all(&measured));
    let chart = workspace::root().join("docs/cost.svg");
    fs::write(&chart, chart::draw(&measured)).context("cannot write docs/cost.svg")?;
    println!("chart: {}", chart.display());
    Ok(())
}
