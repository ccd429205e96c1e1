//! `cargo xtask cost`: the instructions of ten decisions, compared with the committed counts.
//!
//! Unlike times, instruction counts do not depend on the load of the machine. callgrind counts them.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process::{ask, cargo, command, run};
use crate::workspace;

/// The largest accepted increase over a committed count, as a fraction.
const TOLERANCE: f64 = 0.05;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Write the new counts to benches/cost.toml
    #[arg(long)]
    pub(crate) update: bool,
}

/// Counts and compares. Returns a reason if valgrind is missing, so that nothing is counted.
pub(crate) fn run_or_reason(options: &Options) -> Result<Option<&'static str>> {
    if !has_valgrind() {
        return Ok(Some("valgrind is missing and could not be installed"));
    }
    run(&mut cargo(&["build", "--release", "--package", "palisade-benches", "--bin", "decisions"]))?;
    let counts = count()?;
    let file = workspace::root().join("benches/cost.toml");
    if options.update {
        fs::write(&file, write(&counts)).context("cannot write benches/cost.toml")?;
    }
    let committed = read(&fs::read_to_string(&file).context("cannot read benches/cost.toml")?)?;
    let (table, regressed) = compare(&counts, &committed);
    println!("{table}");
    if !regressed.is_empty() {
        bail!(
            "regressed by more than {:.0} %: {}\nhelp: reduce the cost, or run `cargo xtask cost --update` and explain why",
            TOLERANCE * 100.0,
            regressed.join(", ")
        );
    }
    Ok(None)
}

fn has_valgrind() -> bool {
    let is_installed = || ask(command("valgrind").arg("--version")).is_some();
    let install = |arguments: &[&str]| {
        let mut apt = command("apt-get");
        ask(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments)).is_some()
    };
    let is_root = || ask(command("id").arg("-u")).as_deref() == Some("0");
    const INSTALL: [&str; 4] = ["install", "--yes", "--no-install-recommends", "valgrind"];
    is_installed()
        || (is_root() && (install(&INSTALL) || (install(&["update"]) && install(&INSTALL))) && is_installed())
}

/// The name and the count of each decision, in the order of measurement.
type Counts = Vec<(String, u64)>;

fn count() -> Result<Counts> {
    let folder = workspace::target_dir().join("cost");
    fs::create_dir_all(&folder)?;
    for old in fs::read_dir(&folder)? {
        fs::remove_file(old?.path())?;
    }
    let out = folder.join("out");
    let mut valgrind = command("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--toggle-collect=*palisade_measured*"]);
    valgrind.args(["--dump-before=*palisade_done*", &format!("--callgrind-out-file={}", out.display())]);
    valgrind.arg(workspace::target_dir().join("release/decisions"));
    let names = ask(&mut valgrind).context("callgrind cannot run the decisions")?;
    names
        .lines()
        .zip(1..)
        .map(|(name, number)| {
            Ok((name.to_owned(), total(&PathBuf::from(format!("{}.{number}", out.display())))?))
        })
        .collect()
}

/// Returns the value of `totals:` in callgrind's output.
fn total(dump: &Path) -> Result<u64> {
    let text =
        fs::read_to_string(dump).with_context(|| format!("callgrind did not write `{}`", dump.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.with_context(|| format!("`{}` has no totals", dump.display()))
}

fn write(counts: &Counts) -> String {
    let mut text = String::from(
        "# Instructions of each decision of `benches/src/decisions.rs`: `cargo xtask cost --update`.\n",
    );
    // In the order of measurement, which a serialized map does not keep.
    for (name, count) in counts {
        let _ = writeln!(text, "{name:?} = {count}");
    }
    text
}

fn read(text: &str) -> Result<BTreeMap<String, u64>> {
    let counts: BTreeMap<String, u64> = toml::from_str(text).context("invalid benches/cost.toml")?;
    ensure!(!counts.is_empty(), "benches/cost.toml contains no decision");
    Ok(counts)
}

/// Returns a table, and the names of the decisions that regressed. These include new decisions and missing ones.
fn compare(counts: &Counts, committed: &BTreeMap<String, u64>) -> (String, Vec<String>) {
    let mut table = format!("{:<32} {:>12} {:>12}\n", "instructions", "committed", "now");
    let mut regressed = Vec::new();
    for (name, now) in counts {
        let before = committed.get(name).copied();
        let change = before.map(|before| *now as f64 / before.max(1) as f64 - 1.0);
        if change.is_none_or(|change| change > TOLERANCE) {
            regressed.push(name.clone());
        }
        let (before, change) = (before.unwrap_or_default(), change.unwrap_or_default() * 100.0);
        let _ = writeln!(table, "{name:<32} {before:>12} {now:>12} {change:>+7.1} %");
    }
    let missing = committed.keys().filter(|name| counts.iter().all(|(now, _)| now != *name));
    regressed.extend(missing.cloned());
    (table, regressed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_counts_are_read() {
        let counts = vec![("mix: first".to_owned(), 4000), ("b".to_owned(), 7)];
        assert_eq!(read(&write(&counts)).unwrap(), counts.into_iter().collect());
        assert!(read("# no counts\n").is_err());
    }

    #[test]
    fn increase_over_tolerance_new_and_missing_decisions_are_regressions() {
        let committed =
            BTreeMap::from([("a".to_owned(), 1000), ("b".to_owned(), 1000), ("missing".to_owned(), 1)]);
        let counts = vec![("a".to_owned(), 1049), ("b".to_owned(), 1051), ("new".to_owned(), 1)];
        let (table, regressed) = compare(&counts, &committed);
        assert_eq!(regressed, ["b", "new", "missing"]);
        assert!(table.contains("+5.1 %"), "{table}");
    }
}
