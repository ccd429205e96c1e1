//! Every case file on every back end: those of `policies/`, all of which must pass, and those of the conformance corpus, if it
//! exists.

use palisade_cases::{Access, Backend, CaseResult, Report, find, run};
use palisade_oracle::backend::InEnvoy;
use palisade_test_support::{filter_module, skip_unless_required};
use palisade_tests::backend::{Engine, Wasm};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Prints a line that the test runner does not capture, because it hides the output of passed tests.
pub(crate) fn print_uncaptured(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// Returns the bytes of the shipped module. Without it, the test is skipped, or fails if `PALISADE_REQUIRE_WASM` is set.
pub(crate) fn wasm_module() -> Option<Vec<u8>> {
    filter_module().map(|path| fs::read(path).expect("a readable module"))
}

fn wasm() -> Option<Wasm> {
    wasm_module().map(|module| Wasm::new(&module).expect("a proxy-wasm module"))
}

/// Returns the back end of native RBAC and the shipped module in Envoy, or skips the test, or fails as above.
fn envoy() -> Option<InEnvoy> {
    let module = filter_module()?;
    match palisade_envoy::fetch::binary() {
        Ok(_) => Some(InEnvoy::new(Some(module))),
        Err(error) => {
            skip_unless_required(&format!("no Envoy: {error:#}"));
            None
        }
    }
}

/// Returns the back ends that can run every case.
fn engines() -> Vec<Engine> {
    [Engine::reference(), Engine::compiled()].into_iter().chain(Engine::without_shortcuts()).collect()
}

fn run_all(folder: &Path, backend: &dyn Backend) -> Report {
    let files = find(&[folder.to_path_buf()], &Access::default()).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(!files.is_empty(), "{} holds no case file", folder.display());
    run(&files, backend, &|_| {})
}

/// Returns every case that did not pass, with the reason.
fn failures(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.errors().iter().map(|error| error.to_string()).collect();
    for file in &report.files {
        for case in file.cases.iter().filter(|case| !case.passed() && !case.skipped()) {
            let why = match &case.result {
                CaseResult::Flow(_, found) | CaseResult::Load(_, found) => {
                    found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
                }
                CaseResult::Failed(reason) | CaseResult::Skipped(reason) => reason.clone(),
                CaseResult::Invalid(error) => error.to_string(),
            };
            lines.push(format!("{}:{} {}: {why}", file.file.display(), case.case.line, case.case.name));
        }
    }
    lines
}

/// Returns the number of skipped cases for each reason.
fn skips(report: &Report) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for case in report.files.iter().flat_map(|file| &file.cases) {
        if let CaseResult::Skipped(reason) = &case.result {
            *reasons.entry(reason.clone()).or_default() += 1;
        }
    }
    reasons
}

fn line(folder: &str, backend: &dyn Backend, report: &Report) -> String {
    let sum = report.summary();
    let mut text = format!(
        "{folder:<16} {:<22} {:>6} passed {:>4} failed {:>6} skipped",
        backend.name(),
        sum.passed,
        sum.failed,
        sum.skipped
    );
    for (reason, count) in skips(report) {
        text.push_str(&format!("\n{:>24} skipped: {reason}", count));
    }
    text
}

#[test]
fn cases_of_policies_pass_on_every_back_end() {
    let folder = root().join("policies");
    let mut counts = Vec::new();
    for engine in engines() {
        let report = run_all(&folder, &engine);
        print_uncaptured(&line("policies", &engine, &report));
        let failed = failures(&report);
        assert!(failed.is_empty(), "{}:\n{}", engine.name(), failed.join("\n"));
        counts.push(report.summary());
    }
    assert!(counts.iter().all(|sum| sum.skipped == 0 && *sum == counts[0]), "{counts:?}");
    if let Some(wasm) = wasm() {
        let report = run_all(&folder, &wasm);
        print_uncaptured(&line("policies", &wasm, &report));
        let failed = failures(&report);
        assert!(failed.is_empty(), "{}:\n{}", wasm.name(), failed.join("\n"));
        assert!(report.summary().passed > 0, "no case reaches the filter");
    }
    if let Some(envoy) = envoy() {
        let report = run_all(&folder, &envoy);
        print_uncaptured(&line("policies", &envoy, &report));
        let failed = failures(&report);
        assert!(failed.is_empty(), "{}:\n{}", envoy.name(), failed.join("\n"));
        assert!(report.summary().passed > 50, "too few cases reach Envoy");
    }
}

/// The content of `tests/corpus-minimum.toml`.
#[derive(Debug, Deserialize)]
struct Minimum {
    passed: BTreeMap<String, usize>,
}

#[test]
fn corpus_passes_at_least_the_recorded_minimum() {
    let Some(corpus) = palisade_test_support::corpus("") else { return };
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus-minimum.toml")).expect("text");
    let minimum: Minimum = toml::from_str(&text).expect("a table of counts");
    let mut worse = Vec::new();
    let wasm = wasm();
    let envoy = envoy();
    for (name, minimum) in &minimum.passed {
        let folder = corpus.join(name);
        let mut failed = Vec::new();
        for engine in engines() {
            let report = run_all(&folder, &engine);
            print_uncaptured(&line(name, &engine, &report));
            if report.summary().passed < *minimum {
                worse.push(format!("{name} on {}: fewer than {minimum} pass", engine.name()));
            }
            failed.push(failures(&report));
        }
        if failed.iter().any(|lines| *lines != failed[0]) {
            worse.push(format!("{name}: the back ends do not fail in the same cases"));
        }
        if let Some(wasm) = &wasm {
            let report = run_all(&folder, wasm);
            print_uncaptured(&line(name, wasm, &report));
            let known: Vec<&str> =
                failed[0].iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
            let more = failures(&report)
                .into_iter()
                .filter(|line| !known.iter().any(|known| line.starts_with(known)));
            worse.extend(more.map(|line| format!("{}: {line}", wasm.name())));
        }
        // The other directories contain answers of an Envoy, or cases without a proxy.
        if let Some(envoy) = envoy.as_ref().filter(|_| name == "faults") {
            let report = run_all(&folder, envoy);
            print_uncaptured(&line(name, envoy, &report));
            worse.extend(failures(&report).into_iter().map(|line| format!("{}: {line}", envoy.name())));
        }
        for line in &failed[0] {
            print_uncaptured(&format!("  known failure: {line}"));
        }
    }
    assert!(worse.is_empty(), "{} are worse:\n{}", worse.len(), worse.join("\n"));
}
