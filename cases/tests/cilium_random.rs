//! The random clusters whose verdicts Cilium's own policy code computed, layer by layer.

use palisade_cases::{CaseResult, InProcess, find, run};
use std::{
    env,
    path::{Path, PathBuf},
};

/// `corpus/` beside the project, where it is.
fn corpus(part: &str) -> Option<PathBuf> {
    let root = env::var_os("PALISADE_CORPUS")
        .map(PathBuf::from)
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"));
    Some(root.join(part)).filter(|path| path.exists())
}

#[test]
fn every_random_cluster_is_decided_as_cilium_decides_it() {
    let Some(folder) = corpus("cilium/random") else {
        eprintln!("skipped: corpus/cilium/random is not there");
        return;
    };
    let files = find(&[folder]).unwrap();
    let report = run(&files, &InProcess, &|_| ());
    let mut wrong = Vec::new();
    let mut decided = 0;
    for file in &report.files {
        wrong.extend(file.errors.iter().map(ToString::to_string));
        for case in &file.cases {
            let found = match &case.result {
                CaseResult::Flow(_, found) | CaseResult::Load(_, found) => found.clone(),
                CaseResult::Skipped(reason) | CaseResult::Failed(reason) => {
                    wrong.push(format!("{}: {}: {reason}", file.file.display(), case.case.name));
                    continue;
                }
                CaseResult::Wrong(error) => {
                    wrong.push(error.to_string());
                    continue;
                }
            };
            decided += 1;
            let name = file.file.file_name().unwrap_or_default().to_string_lossy();
            wrong.extend(found.iter().map(|f| format!("{name}: {}: {f}", case.case.name)));
        }
    }
    println!("{decided} cases");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(decided >= 10_000, "only {decided} cases");
}
