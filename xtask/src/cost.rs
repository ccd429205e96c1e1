//! `cargo xtask cost`: instructions of ten decisions, held against those that are committed.
//!
//! Instructions, unlike times, are the same on a busy machine. They are counted by callgrind.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process::{ask, cargo, command, run};
use crate::workspace;

/// More than this part of the committed count on top of it fails.
const TOLERANCE: f64 = 0.05;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Commit to what is counted now: write it to benches/cost.toml
    #[arg(long)]
    pub(crate) update: bool,
}

/// Counts and compares. Without valgrind nothing is counted, and the reason is given.
pub(crate) fn run_or_reason(options: &Options) -> Result<Option<&'static str>> {
    if !has_valgrind() {
        return Ok(Some("valgrind is not installed, and could not be"));
    }
    run(&mut cargo(&["build", "--release", "--package", "palisade-benches", "--bin", "decisions"]))?;
    let counts = count()?;
    let file = workspace::root().join("benches/cost.toml");
    if options.update {
        fs::write(&file, write(&counts)).context("cannot write benches/cost.toml")?;
    }
    let committed = read(&fs::read_to_string(&file).context("cannot read benches/cost.toml")?)?;
    let (table, worse) = compare(&counts, &committed);
    println!("{table}");
    if !worse.is_empty() {
        bail!(
            "more than {:.0} % dearer than committed: {}\nhelp: make it cheap again, or run `cargo xtask cost --update` \
             and say why",
            TOLERANCE * 100.0,
            worse.join(", ")
        );
    }
    Ok(None)
}

fn has_valgrind() -> bool {
    let is_there = || ask(command("valgrind").arg("--version")).is_some();
    let install = |arguments: &[&str]| {
        let mut apt = command("apt-get");
        ask(apt.env("DEBIAN_FRONTEND", "noninteractive").args(arguments)).is_some()
    };
    let is_root = || ask(command("id").arg("-u")).as_deref() == Some("0");
    const INSTALL: [&str; 4] = ["install", "--yes", "--no-install-recommends", "valgrind"];
    is_there()
        || (is_root() && (install(&INSTALL) || (install(&["update"]) && install(&INSTALL))) && is_there())
}

/// In the order in which they were decided.
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
    let names = ask(&mut valgrind).context("callgrind does not run the decisions")?;
    names
        .lines()
        .zip(1..)
        .map(|(name, number)| {
            Ok((name.to_owned(), total(&PathBuf::from(format!("{}.{number}", out.display())))?))
        })
        .collect()
}

/// What callgrind wrote behind `totals:`.
fn total(dump: &Path) -> Result<u64> {
    let text = fs::read_to_string(dump).with_context(|| format!("callgrind left no `{}`", dump.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.with_context(|| format!("`{}` has no totals", dump.display()))
}

fn write(counts: &Counts) -> String {
    let mut text = String::from(
        "# Instructions of each decision of `benches/src/decisions.rs`: `cargo xtask cost --update`.\n",
    );
    for (name, count) in counts {
        let _ = writeln!(text, "\"{name}\" = {count}");
    }
    text
}

fn read(text: &str) -> Result<BTreeMap<String, u64>> {
    let line = |line: &str| {
        let (name, count) = line.split_once(" = ")?;
        Some((name.trim_matches('"').to_owned(), count.parse().ok()?))
    };
    let counts: BTreeMap<_, _> = text.lines().filter(|l| !l.starts_with('#')).filter_map(line).collect();
    ensure!(!counts.is_empty(), "benches/cost.toml names no decision");
    Ok(counts)
}

/// A table, and the names of those that are worse. A decision that is not committed is worse, as is one that is gone.
fn compare(counts: &Counts, committed: &BTreeMap<String, u64>) -> (String, Vec<String>) {
    let mut table = format!("{:<32} {:>12} {:>12}\n", "instructions", "committed", "now");
    let mut worse = Vec::new();
    for (name, now) in counts {
        let before = committed.get(name).copied();
        let change = before.map(|before| *now as f64 / before.max(1) as f64 - 1.0);
        if change.is_none_or(|change| change > TOLERANCE) {
            worse.push(name.clone());
        }
        let (before, change) = (before.unwrap_or_default(), change.unwrap_or_default() * 100.0);
        let _ = writeln!(table, "{name:<32} {before:>12} {now:>12} {change:>+7.1} %");
    }
    let gone = committed.keys().filter(|name| counts.iter().all(|(now, _)| now != *name));
    worse.extend(gone.cloned());
    (table, worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let counts = vec![("mix: first".to_owned(), 4000), ("b".to_owned(), 7)];
        assert_eq!(read(&write(&counts)).unwrap(), counts.into_iter().collect());
        assert!(read("# nothing\n").is_err());
    }

    #[test]
    fn only_more_than_the_tolerance_is_worse() {
        let committed =
            BTreeMap::from([("a".to_owned(), 1000), ("b".to_owned(), 1000), ("gone".to_owned(), 1)]);
        let counts = vec![("a".to_owned(), 1049), ("b".to_owned(), 1051), ("new".to_owned(), 1)];
        let (table, worse) = compare(&counts, &committed);
        assert_eq!(worse, ["b", "new", "gone"]);
        assert!(table.contains("+5.1 %"), "{table}");
    }
}
