//! `cargo xtask differential`: the engine against Envoy's own RBAC, on random policies and requests.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use palisade_oracle::Plan;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many pairs of policies and request
    #[arg(long, default_value_t = 200_000)]
    pairs: u64,
    /// Where the random numbers start; a new seed each time by default
    #[arg(long)]
    seed: Option<u64>,
    /// How many disagreements are shrunk and printed
    #[arg(long, default_value_t = 3)]
    shrink: usize,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = options.seed.unwrap_or(now.as_secs());
    println!("seed {seed}");
    let start = Instant::now();
    let report = palisade_oracle::run(&Plan { pairs: options.pairs, seed, shrink: options.shrink })?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{report}");
    println!("{:.1} s, {:.0} pairs a second", seconds, report.pairs as f64 / seconds);
    ensure!(report.disagreements == 0, "{} disagreements", report.disagreements);
    Ok(())
}
