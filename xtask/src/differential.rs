//! `cargo xtask differential`: compares the engine with native RBAC on random policies and requests.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;
use palisade_oracle::Plan;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Number of pairs of policies and a request
    #[arg(long, default_value_t = PAIRS)]
    pub(crate) pairs: u64,
    /// Seed of the random numbers [default: a new one]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Maximum number of disagreements to shrink and print
    #[arg(long, default_value_t = 3)]
    pub(crate) shrink: usize,
    /// Also compare whole meshes: certificates, tokens, providers, TCP
    #[arg(long)]
    pub(crate) meshes: bool,
}

/// The number of pairs in `cargo xtask test`, and in `cargo xtask test --long`.
const PAIRS: u64 = 200_000;
const PAIRS_LONG: u64 = 5_000_000;

impl Options {
    /// Returns the options of a full check, with the given `seed` or a new one.
    pub(crate) fn of_seed(seed: Option<u64>, long: bool) -> Self {
        Self { pairs: if long { PAIRS_LONG } else { PAIRS }, seed, shrink: 3, meshes: true }
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let seed = options.seed.unwrap_or(now.as_secs());
    println!("seed {seed}");
    let start = Instant::now();
    let module = Some(palisade_envoy::fetch::target_dir().join("wasm/palisade_filter.wasm"))
        .filter(|module| options.meshes && module.is_file());
    let plan = Plan { pairs: options.pairs, seed, shrink: options.shrink, meshes: options.meshes, module };
    let report = palisade_oracle::run(&plan)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{report}");
    println!("{:.1} s, {:.0} pairs a second", seconds, report.pairs as f64 / seconds);
    ensure!(report.disagreements == 0, "{} disagreements", report.disagreements);
    Ok(())
}
