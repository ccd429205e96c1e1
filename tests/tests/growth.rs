//! The work for an input grows with its size and no faster: n policies, names, blocks, documents cost n times one.
//!
//! Work is counted in instructions, which are the same on a busy machine. What only the command line does is counted by
//! the test of that name of the command.

use crate::corpus::tell;
use palisade_tests::growth::KINDS;
use std::{collections::BTreeMap, env, fs, path::PathBuf, process::Command};

/// Twice the input may cost this much of the work. A sort takes a little more than twice, a loop over pairs four times.
const FACTOR: f64 = 2.6;
/// Work below this is lost in what does not depend on the input.
const NEGLIGIBLE: u64 = 300_000;

#[test]
fn twice_the_input_is_at_most_two_point_six_times_the_work() {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        tell("skipped: valgrind is not installed");
        return;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("growth");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let out = folder.join("callgrind");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=*palisade_measured*"])
        .args(["--dump-before=*palisade_done*", &format!("--callgrind-out-file={}", out.display())])
        .arg(env!("CARGO_BIN_EXE_growth"))
        .arg(&folder)
        .args(env::var("PALISADE_GROWTH"))
        .output()
        .expect("valgrind runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (name, number) in String::from_utf8_lossy(&output.stdout).lines().zip(1..) {
        let dump = fs::read_to_string(format!("{}.{number}", out.display())).expect("a dump");
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        counts.entry(name.to_owned()).or_default().push(total.expect("a total"));
    }
    let mut wrong = Vec::new();
    for (name, counts) in &counts {
        let [one, two] = counts.as_slice() else { panic!("{name}: {counts:?}") };
        let factor = *two as f64 / (*one).max(1) as f64;
        let line = format!("{factor:5.2}  {one:>12} {two:>12}  {name}");
        tell(&line);
        if factor > FACTOR && *two > NEGLIGIBLE {
            wrong.push(line);
        }
    }
    assert!(env::var_os("PALISADE_GROWTH").is_some() || counts.len() == 3 * KINDS.len());
    assert!(wrong.is_empty(), "twice the input is more than {FACTOR} times the work:\n{}", wrong.join("\n"));
}
