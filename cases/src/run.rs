//! Runs many case files at once: files that speak of the same manifests share one load, and all cores work.

use crate::{
    access::Access,
    backend::{Answer, Backend, NoAnswer, Session},
    case::{Case, FlowCase, Question},
    compare::{Mismatch, compare},
    file::{CaseFile, ManifestSource},
    load::LoadAnswer,
    manifests::Manifests,
};
use core::ops::AddAssign;
use palisade::{Diagnostic, Options, Origin};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

/// What became of all files.
#[derive(Debug, Default)]
pub struct Report {
    /// The files, in the order given.
    pub files: Vec<FileReport>,
}

/// What became of one file.
#[derive(Debug)]
pub struct FileReport {
    /// The file.
    pub file: PathBuf,
    /// Its cases; none if the file or its manifests are bad.
    pub cases: Vec<CaseReport>,
    /// What is wrong with the file or its manifests.
    pub errors: Arc<Vec<Diagnostic>>,
    /// Whether validation would refuse the manifests. Their cases run all the same: a cluster may hold such a policy,
    /// and what it does there is well defined.
    pub refused: bool,
}

/// What became of one case.
#[derive(Debug)]
pub struct CaseReport {
    /// The case.
    pub case: Case,
    /// What became of it.
    pub result: CaseResult,
}

/// What became of a case.
#[derive(Debug)]
pub enum CaseResult {
    /// A flow was decided; it passed if nothing differs.
    Flow(Answer, Vec<Mismatch>),
    /// A file was loaded; it passed if nothing differs.
    Load(LoadAnswer, Vec<Mismatch>),
    /// The back end cannot run it, for this reason.
    Skipped(String),
    /// The case itself is wrong.
    Wrong(Diagnostic),
    /// Running it failed.
    Failed(String),
}

/// How many cases passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cases that got what they expect.
    pub passed: usize,
    /// Cases that did not, or that could not be decided.
    pub failed: usize,
    /// Cases that the back end cannot run.
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
    /// Whether the case got what it expects.
    pub fn passed(&self) -> bool {
        match &self.result {
            CaseResult::Flow(_, found) | CaseResult::Load(_, found) => found.is_empty(),
            CaseResult::Skipped(_) | CaseResult::Wrong(_) | CaseResult::Failed(_) => false,
        }
    }

    /// Whether the back end cannot run it.
    pub fn skipped(&self) -> bool {
        matches!(self.result, CaseResult::Skipped(_))
    }
}

impl FileReport {
    /// How many of its cases passed.
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
    /// How many cases passed.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        self.files.iter().for_each(|file| summary += file.summary());
        summary
    }

    /// Everything that is wrong with the input, each finding once.
    pub fn errors(&self) -> Vec<&Diagnostic> {
        let mut errors: Vec<&Diagnostic> = Vec::new();
        let (mut lists, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for file in &self.files {
            // Files that name the same manifests share their findings.
            if lists.insert(Arc::as_ptr(&file.errors)) {
                errors.extend(file.errors.iter().filter(|error| seen.insert(error.to_string())));
            }
            errors.extend(file.cases.iter().filter_map(|case| match &case.result {
                CaseResult::Wrong(error) => Some(error),
                _ => None,
            }));
        }
        errors
    }
}

/// Runs every case of `files` on `backend`; calls `done` for each file when it is finished.
pub fn run(files: &[PathBuf], backend: &dyn Backend, done: &(dyn Fn(&FileReport) + Sync)) -> Report {
    run_with(files, backend, &Access::default(), done)
}

/// The same with the files that the manifests and `load:` cases may be read from.
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
            Err(errors) => {
                let report = FileReport {
                    file: file.clone(),
                    cases: Vec::new(),
                    errors: Arc::new(errors),
                    refused: false,
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

/// Runs the files that speak of one set of manifests.
fn group(
    source: &ManifestSource,
    files: Vec<(usize, CaseFile)>,
    backend: &dyn Backend,
    access: &Access,
    done: &(dyn Fn(&FileReport) + Sync),
) -> Vec<(usize, FileReport)> {
    let manifests = match source {
        ManifestSource::Directory(folder, without) => Manifests::load_folder(folder, without, access),
        ManifestSource::Listed(folder, paths) => Manifests::load_named(folder, paths, access),
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
            FileReport { file: file.path, cases: Vec::new(), errors: Arc::clone(&broken), refused: false }
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

/// One file's way to the back end, under one set of options.
enum Ready<'c> {
    Session(Box<dyn Session + 'c>),
    Unavailable(NoAnswer),
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
        let mut report =
            FileReport { file: file.path, cases: Vec::new(), errors: Arc::default(), refused: self.refused };
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
            report.cases.push(CaseReport { case, result });
        }
        report
    }

    /// The session for `options`, opened when first asked for.
    fn ready(&mut self, options: &Options) -> &mut Ready<'c> {
        let known = self.ready.extract_if(.., |(known, _)| known == options).next();
        let (options, ready) = known.unwrap_or_else(|| (options.clone(), self.open(options)));
        &mut self.ready.push_mut((options, ready)).1
    }

    fn open(&self, options: &Options) -> Ready<'c> {
        match self.backend.open(&self.manifests.cluster, options) {
            Ok(session) => Ready::Session(session),
            Err(no) => Ready::Unavailable(no),
        }
    }
}

fn result(answer: Result<Answer, NoAnswer>, flow: &FlowCase, case: &Case, file: &Path) -> CaseResult {
    match answer {
        Ok(answer) => {
            let found = compare(flow, &answer);
            CaseResult::Flow(answer, found)
        }
        Err(NoAnswer::Skip(reason)) => CaseResult::Skipped(reason),
        Err(NoAnswer::Failed(reason)) => CaseResult::Failed(reason),
        Err(NoAnswer::Wrong(error)) => {
            let origin = Origin {
                file: Some(file.display().to_string().into()),
                line: case.line,
                ..Origin::default()
            };
            let finding = Diagnostic::error("flow", error.to_string());
            CaseResult::Wrong(finding.help(error.help()).of(format!("case `{}`", case.name), &origin))
        }
    }
}
