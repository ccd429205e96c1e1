//! `cargo xtask bench envoy`: CPU time of a real Envoy per request, in addition to that without a filter.
//!
//! One Envoy has a listener for each [`Variant`]. In every round, in a new random order, each listener serves a fixed number of
//! requests over connections that stay open. The CPU time of Envoy is read before and after.

pub(super) mod cpu;
mod load;
mod report;
mod variant;

use core::time::Duration;
use std::path::PathBuf;
use std::thread;

use anyhow::Result;
use clap::Args;
use palisade_benches::Random;
use palisade_envoy::certs::{Authority, Names};
use palisade_envoy::config::{Bootstrap, Transport};
use palisade_envoy::process::Envoy;

use self::load::Load;
use self::report::{Measurement, Samples};
use self::variant::{Modules, TRUST_DOMAIN, Variant};

/// Numbers of policies.
const SIZES: [usize; 5] = [1, 10, 100, 1_000, 10_000];
/// Initial rounds that are not counted, because V8 still compiles frequently called functions.
const WARM_UP: usize = 4;
/// The time in which Envoy becomes idle after its last answer.
const SETTLE: Duration = Duration::from_millis(2);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Measurements of each variant; the result is their median
    #[arg(long, default_value_t = 40)]
    rounds: usize,
    /// Compare only these builds of the filter; repeat the option for each module
    #[arg(long, value_name = "MODULE")]
    build: Vec<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let builds = options.build.iter().map(std::path::absolute).collect::<Result<Vec<_>, _>>()?;
    let (variants, modules) = match builds.as_slice() {
        [] => (Variant::all(&SIZES), Modules::build()?),
        builds => (Variant::builds(builds.len()), Modules::builds(builds)),
    };
    let authority = Authority::new(TRUST_DOMAIN)?;
    let server = authority.issue(&Names::workload(TRUST_DOMAIN, "foo", "sample"))?;
    let transport = Transport::mutual_tls(&authority, &server);
    let listeners =
        variants.iter().map(|variant| variant.listener(&modules, &transport)).collect::<Result<Vec<_>>>()?;
    eprintln!("starting Envoy with {} listeners", listeners.len());
    let envoy = Envoy::start(&Bootstrap::new(listeners))?;
    cpu::pin(envoy.id());

    let loads = variants.iter().map(|variant| Ok((*variant, variant.load(&envoy, &authority)?)));
    let mut loads = loads.collect::<Result<Vec<(Variant, Load)>>>()?;
    let mut samples = Samples::default();
    let mut random = Random::new(5);
    for round in 0..options.rounds.saturating_add(WARM_UP) {
        eprint!("\rround {round} ");
        let mut slices: Vec<(usize, bool)> = variants
            .iter()
            .enumerate()
            .flat_map(|(at, variant)| {
                [(at, true), (at, false)].into_iter().take(1 + usize::from(variant.decides()))
            })
            .collect();
        shuffle(&mut slices, &mut random);
        for (at, allowed) in slices {
            let Some((variant, load)) = loads.get_mut(at) else { continue };
            let used = slice(&envoy, load, variant.requests(), allowed)?;
            if round >= WARM_UP {
                samples.add(Measurement { variant: *variant, allowed }, used);
            }
        }
    }
    eprintln!();
    let report = match builds.as_slice() {
        [] => report::all(&samples, &SIZES, options.rounds),
        builds => report::builds(&samples, builds, options.rounds),
    };
    println!("{report}");
    Ok(())
}

/// Returns the CPU time of Envoy per request in microseconds, over `count` requests.
fn slice(envoy: &Envoy, load: &mut Load, count: usize, allowed: bool) -> Result<f64> {
    // The first requests fill the caches again that the previous slice has replaced.
    load.run(load::CONNECTIONS, allowed)?;
    thread::sleep(SETTLE);
    let before = cpu::used(envoy.id())?;
    load.run(count, allowed)?;
    thread::sleep(SETTLE);
    let used = cpu::used(envoy.id())?.saturating_sub(before);
    Ok(used as f64 / count as f64 / 1e3)
}

/// Shuffles `items` (Fisher-Yates).
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for end in (1..items.len()).rev() {
        items.swap(end, random.below(end.saturating_add(1)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shuffle_keeps_all_items() {
        let mut items: Vec<usize> = (0..50).collect();
        shuffle(&mut items, &mut Random::new(1));
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
