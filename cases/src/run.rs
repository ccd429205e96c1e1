//! Running many case files in parallel. Files with the same manifests share one load.

use crate::{
    backend::{Answer, Backend, BackendError, Session},
    case::{Case, FlowCase, Question},
    compare::{Mismatch, compare},
    file::{CaseFile, ManifestSource},
    load::LoadAnswer,
};
use core::ops::AddAssign;
use palisade::{Diagnostic, Options, Origin};
use palisade_manifests::{Access, Manifests, SourceMap};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The results of all files.
#[derive(Debug, Default)]
pub struct Report {
    /// The files, in the order given.
    pub files: Vec<FileReport>,
}

/// The results of one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its cases; none if the file or its manifests cannot be used.
    pub cases: Vec<CaseReport>,
    /// The errors in the file or its manifests.
    pub errors: Arc<Vec<Diagnostic>>,
    /// Whether validation rejects the manifests. The cases run nevertheless: a cluster may contain such a policy, and its
    /// effect is well defined.
    pub refused: bool,
    /// The texts of the files with errors.
    pub sources: SourceMap,
}

/// The result of one case, with the case.
#[derive(Debug)]
pub struct CaseReport {
    /// The case.
    pub case: Case,
    /// Its result.
    pub result: CaseResult,
}

/// The result of a case.
#[derive(Debug)]
pub enum CaseResult {
    /// The decision of a flow. The case passed if there is no mismatch.
    Flow(Answer, Vec<Mismatch>),
    /// The result of loading a file. The case passed if there is no mismatch.
    Load(LoadAnswer, Vec<Mismatch>),
    /// The back end does not support the case, for this reason.
    Skipped(String),
    /// The case is invalid.
    Invalid(Diagnostic),
    /// The back end failed.
    Failed(String),
}

/// The numbers of cases by result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases with the expected decision.
    pub passed: usize,
    /// Cases with another decision, or without one.
    pub failed: usize,
    /// Cases that the back end does not support.
    pub skipped: usize,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl CaseReport {
    /// Returns whether the decision is the expected one.
    pub fn passed(&self) -> bool {
        match &self.result {
            CaseResult::Flow(_, found) | CaseResult::Load(_, found) => found.is_empty(),
            CaseResult::Skipped(_) | CaseResult::Invalid(_) | CaseResult::Failed(_) => false,
        }
    }

    /// Returns whether the back end does not support the case.
    pub fn skipped(&self) -> bool {
        matches!(self.result, CaseResult::Skipped(_))
    }
}

impl FileReport {
    /// Returns the numbers of its cases by result.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for case in &self.cases {
            let one = match (case.passed(), case.skipped()) {
                (true, _) => Summary { passed: 1, ..Summary::default() },
                (_, true) => Summary { skipped: 1, ..Summary::default() },
                _ => Summary { failed: 1, ..Summary::default() },
            };
            summary += one;
        }
        summary
    }
}

impl Report {
    /// Returns the numbers of cases by result.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        self.files.iter().for_each(|file| summary += file.summary());
        summary
    }

    /// Returns the texts that [`Self::errors`] are about.
    pub fn sources(&self) -> SourceMap {
        let mut sources = SourceMap::default();
        self.files.iter().for_each(|file| sources.extend(&file.sources));
        sources
    }

    /// Returns every error in the input once.
    pub fn errors(&self) -> Vec<&Diagnostic> {
        let mut errors: Vec<&Diagnostic> = Vec::new();
        let (mut lists, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for file in &self.files {
            // Files that name the same manifests share their findings.
            if lists.insert(Arc::as_ptr(&file.errors)) {
                errors.extend(file.errors.iter().filter(|error| seen.insert(error.to_string())));
            }
            errors.extend(file.cases.iter().filter_map(|case| match &case.result {
                CaseResult::Invalid(error) => Some(error),
                _ => None,
            }));
        }
        errors
    }
}

/// Runs every case of `files` on `backend`, and calls `done` after each file.
pub fn run(files: &[PathBuf], backend: &dyn Backend, done: &(dyn Fn(&FileReport) + Sync)) -> Report {
    run_with(files, backend, &Access::default(), done)
}

/// Runs every case of `files` on `backend` as [`run()`]. `access` limits the files that are read.
pub fn run_with(
    files: &[PathBuf],
    backend: &dyn Backend,
    access: &Access,
    done: &(dyn Fn(&FileReport) + Sync),
) -> Report {
    let read: Vec<_> = files.par_iter().map(|path| CaseFile::read(path)).collect();
    let mut groups: BTreeMap<ManifestSource, Vec<(usize, CaseFile)>> = BTreeMap::new();
    let mut reports: Vec<(usize, FileReport)> = Vec::new();
    for (n, (file, read)) in files.iter().zip(read).enumerate() {
        match read {
            Ok(read) => groups.entry(read.manifests.clone()).or_default().push((n, read)),
            Err(invalid) => {
                let report = FileReport {
                    file: file.clone(),
                    cases: Vec::new(),
                    errors: Arc::new(invalid.findings),
                    refused: false,
                    sources: invalid.source,
                };
                done(&report);
                reports.push((n, report));
            }
        }
    }
    let ran: Vec<_> = groups
        .into_par_iter()
        .flat_map(|(source, files)| group(&source, files, backend, access, done))
        .collect();
    reports.extend(ran);
    reports.sort_by_key(|(n, _)| *n);
    Report { files: reports.into_iter().map(|(_, report)| report).collect() }
}

/// Runs the files that refer to one set of manifests.
fn group(
    source: &ManifestSource,
    files: Vec<(usize, CaseFile)>,
    backend: &dyn Backend,
    access: &Access,
    done: &(dyn Fn(&FileReport) + Sync),
) -> Vec<(usize, FileReport)> {
    let manifests = match source {
        ManifestSource::Directory(folder, without) => Manifests::load_folder(folder, without, access),
        ManifestSource::Listed(folder, paths) => Manifests::load_entries(folder, paths, access),
    };
    let broken = Arc::new(errors(&manifests.findings));
    let refused = broken.is_empty() && !errors(&manifests.lint(&Options::default())).is_empty();
    let run = |(n, file): (usize, CaseFile)| {
        let report = if broken.is_empty() {
            let mut runner = Runner {
                manifests: &manifests,
                backend,
                access,
                refused,
                ready: Vec::new(),
                folder: folder(&file.path),
            };
            runner.file(file)
        } else {
            FileReport {
                file: file.path,
                cases: Vec::new(),
                errors: Arc::clone(&broken),
                refused: false,
                sources: manifests.sources.clone(),
            }
        };
        done(&report);
        (n, report)
    };
    files.into_par_iter().map(run).collect()
}

fn folder(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

fn errors(findings: &[Diagnostic]) -> Vec<Diagnostic> {
    findings.iter().filter(|f| f.severity == palisade::Severity::Error).cloned().collect()
}

/// The session of one set of options.
enum Ready<'c> {
    Session(Box<dyn Session + 'c>),
    Unavailable(BackendError),
}

/// Runs one file.
struct Runner<'c> {
    manifests: &'c Manifests,
    backend: &'c dyn Backend,
    access: &'c Access,
    refused: bool,
    ready: Vec<(Options, Ready<'c>)>,
    folder: PathBuf,
}

impl<'c> Runner<'c> {
    fn file(&mut self, file: CaseFile) -> FileReport {
        let mut report = FileReport {
            file: file.path,
            cases: Vec::new(),
            errors: Arc::default(),
            refused: self.refused,
            sources: SourceMap::default(),
        };
        for case in file.cases {
            let result = match &case.question {
                Question::Load(load) => {
                    let answer = LoadAnswer::new(load, &self.folder, self.access, &case.options);
                    let found = answer.compare(load);
                    CaseResult::Load(answer, found)
                }
                Question::Flow(flow) => match self.ready(&case.options) {
                    Ready::Session(session) => result(session.answer(flow), flow, &case, &report.file),
                    Ready::Unavailable(no) => result(Err(no.clone()), flow, &case, &report.file),
                },
            };
            if matches!(result, CaseResult::Invalid(_)) {
                report.sources.extend(&file.source);
            }
            report.cases.push(CaseReport { case, result });
        }
        report
    }

    /// Returns the session for `options`, which is opened at its first use.
    fn ready(&mut self, options: &Options) -> &mut Ready<'c> {
        let known = self.ready.extract_if(.., |(known, _)| known == options).next();
        let (options, ready) = known.unwrap_or_else(|| (options.clone(), self.open(options)));
        &mut self.ready.push_mut((options, ready)).1
    }

    fn open(&self, options: &Options) -> Ready<'c> {
        match self.backend.open(self.manifests, options) {
            Ok(session) => Ready::Session(session),
            Err(no) => Ready::Unavailable(no),
        }
    }
}

fn result(answer: Result<Answer, BackendError>, flow: &FlowCase, case: &Case, file: &Path) -> CaseResult {
    match answer {
        Ok(answer) => {
            let found = compare(flow, &answer);
            CaseResult::Flow(answer, found)
        }
        Err(BackendError::Unsupported(reason)) => CaseResult::Skipped(reason),
        Err(BackendError::Failed(reason)) => CaseResult::Failed(reason),
        Err(BackendError::InvalidCase(error)) => {
            let origin = Origin {
                file: Some(file.display().to_string().into()),
                line: case.line,
                ..Origin::default()
            };
            let finding = Diagnostic::error("flow", error.to_string());
            CaseResult::Invalid(finding.help(error.help()).of(format!("case `{}`", case.name), &origin))
        }
    }
}
