//! The work for an input is at most proportional to its size: n policies, names, blocks or documents cost n times one.
//!
//! The unit of work is the instruction, because its number is the same on a busy machine. The test runs its own binary under
//! callgrind, which counts only inside `palisade_measured` and writes the count before each `palisade_done`.

mod kinds;

use core::{error::Error, hint::black_box};
use kinds::Kind;
use palisade::{
    CiliumVersion, Options,
    flow::{Flow, History, HttpRequest, Simulation},
    lint,
};
use palisade_cases::{Backend, CaseFile, InProcess, Question};
use palisade_manifests::{Access, Manifests};
use std::{collections::BTreeMap, env, fs, path::Path, process::Command};

/// The maximum factor of work for twice the input. A sort takes a little more than twice the work, a loop over pairs four
/// times.
const FACTOR: f64 = 2.6;
/// The variable with the folder of the measured process.
const FOLDER: &str = "PALISADE_GROWTH_FOLDER";
/// The variable with a part of the names of the kinds to measure.
const ONLY: &str = "PALISADE_GROWTH";
/// The variable with a factor for the number of items, to measure larger inputs.
const SCALE: &str = "PALISADE_GROWTH_SCALE";
/// The start of each line that the measured process prints.
const LINE: &str = "growth: ";

#[inline(never)]
fn palisade_measured<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

#[inline(never)]
fn palisade_done(name: &str, stage: &str) {
    println!("{LINE}{name}, {stage}");
}

fn measure(folder: &Path, kind: &Kind, count: usize) -> Result<(), Box<dyn Error>> {
    let file = folder.join("all.yaml");
    fs::write(&file, kind.manifests(count))?;
    let version = if kind.is_old { CiliumVersion::V1_18 } else { Options::default().cilium.version };
    let mut options = Options::default();
    options.cilium.version = version;
    let manifests = palisade_measured(|| Manifests::load(&[file], &Access::default()));
    palisade_done(kind.name, "load");
    let findings = palisade_measured(|| lint::check(&manifests.cluster, &options));
    palisade_done(kind.name, "lint");
    drop(findings);
    palisade_measured(|| -> Result<(), Box<dyn Error>> {
        let simulation = Simulation::new(manifests.cluster.clone(), options.clone());
        let mut flow = Flow::new("shop/web", "shop/db", 80);
        flow.http = Some(HttpRequest::new("GET", "/p1/x", "db.shop"));
        black_box(simulation.decide(&flow, &History::default()))?;
        let flow = Flow::new("shop/db", "shop/web", 80);
        black_box(simulation.decide(&flow, &History::default()))?;
        Ok(())
    })?;
    palisade_done(kind.name, "decide");
    let Some(cases) = kind.cases(count) else { return Ok(()) };
    let file = folder.join("a.cases.yaml");
    fs::write(&file, cases)?;
    let file = palisade_measured(|| CaseFile::read(&file))
        .map_err(|invalid| invalid.findings.first().map(ToString::to_string).unwrap_or_default())?;
    palisade_done(kind.name, "read cases");
    palisade_measured(|| -> Result<(), String> {
        let mut session = InProcess.open(&manifests, &options).map_err(|no| format!("{no:?}"))?;
        for case in &file.cases {
            let Question::Flow(flow) = &case.question else { continue };
            black_box(session.answer(flow)).map_err(|no| format!("{no:?}"))?;
        }
        Ok(())
    })?;
    palisade_done(kind.name, "run cases");
    Ok(())
}

/// Does the measured work for the other test. Without the variable `FOLDER`, it does nothing.
#[test]
fn measured_process() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let only = env::var(ONLY).unwrap_or_default();
    let scale: usize = env::var(SCALE).map_or(1, |scale| scale.parse().unwrap());
    for kind in kinds::all().filter(|kind| kind.name.contains(&only)) {
        measure(Path::new(&folder), kind, scale * kind.items).unwrap();
        measure(Path::new(&folder), kind, scale * 2 * kind.items).unwrap();
    }
}

#[test]
fn twice_the_input_is_at_most_two_point_six_times_the_work() {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return palisade_test_support::skip_unless_required("valgrind is not installed");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let out = folder.join("callgrind");
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", "--toggle-collect=*palisade_measured*"])
        .args(["--dump-before=*palisade_done*", &format!("--callgrind-out-file={}", out.display())])
        .arg(env::current_exe().unwrap())
        .args(["measured_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, &folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| Some(line.split_once(LINE)?.1));
    for (name, number) in names.zip(1..) {
        let dump = fs::read_to_string(format!("{}.{number}", out.display())).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        counts.entry(name.to_owned()).or_default().push(total.unwrap());
    }
    let mut wrong = Vec::new();
    for (name, counts) in &counts {
        let [one, two] = counts.as_slice() else { panic!("{name}: {counts:?}") };
        let factor = *two as f64 / (*one).max(1) as f64;
        let line = format!("{factor:5.2}  {one:>12} {two:>12}  {name}");
        println!("{line}");
        if factor > FACTOR {
            wrong.push(line);
        }
    }
    let stages: usize = kinds::all().map(|kind| if kind.cases(0).is_some() { 5 } else { 3 }).sum();
    assert!(env::var_os(ONLY).is_some() || counts.len() == stages, "{} counts", counts.len());
    assert!(wrong.is_empty(), "twice the input is more than {FACTOR} times the work:\n{}", wrong.join("\n"));
}
