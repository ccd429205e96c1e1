//! `palisade test`.

mod json;
mod junit;
mod text;

use super::input::LinkArgs;
use crate::{
    Output,
    failure::Failure,
    show::{diagnostics, notes},
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use palisade_cases::{Access, FileReport, InProcess, Sources, find, run_with};
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
};

/// Run case files: flows with the verdict that they should get.
///
/// A case file is named `NAME.cases.yaml`. It speaks of the manifests in its own folder, unless it names others:
///
///     cases:
///     - name: GET is allowed
///       from: {workload: foo/sleep}
///       to: {workload: foo/sample, port: 8000}
///       http: {method: GET, path: /status}
///       expect: allow
///       by: AuthorizationPolicy/foo/allow-get-requests#0
///
/// All fields are described in docs/case-files.md.
///
/// Exit code 0: every case passed. 1: a case failed. 2: a file is bad, or there is no case file.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Test {
    /// Case files, and folders in which every `*.cases.yaml` runs.
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    links: LinkArgs,
    /// How the results are printed.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Print nothing of files whose cases all passed.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// JUnit XML, for build servers.
    Junit,
}

impl Test {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let access = Access::new(&self.paths, self.links.follow_links);
        let files =
            find(&self.paths, &access).map_err(|findings| Failure::Input(findings, Sources::default()))?;
        if files.is_empty() {
            let paths: Vec<String> = self.paths.iter().map(|path| format!("`{}`", path.display())).collect();
            let help = "case files are named NAME.cases.yaml; `palisade test --help` shows one";
            return Err(Failure::argument(format!("no case file in {}", paths.join(", ")), help));
        }
        let progress = progress(files.len());
        let report = run_with(&files, &InProcess, &access, &|_: &FileReport| progress.inc(1));
        progress.finish_and_clear();
        let errors: Vec<_> = report.errors().into_iter().cloned().collect();
        diagnostics::render(&errors, &Sources::default()).print_error();
        if !errors.is_empty() && self.output == Format::Text {
            notes::say("cases of bad files and bad manifests did not run");
        }
        let refused: Vec<_> = report.files.iter().filter(|file| file.refused).collect();
        if let [first, ..] = refused.as_slice() {
            notes::say(&format!(
                "validation would refuse manifests of {} files, such as those of {}; `palisade lint` says why",
                refused.len(),
                first.file.display(),
            ));
        }
        let text = match self.output {
            Format::Text => text::render(&report, self.quiet),
            Format::Json => json::render(&report),
            Format::Junit => junit::render(&report),
        };
        let code = match (errors.is_empty(), report.summary().failed) {
            (false, _) => 2,
            (true, 0) => 0,
            (true, _) => 1,
        };
        Ok(Output { text, code })
    }
}

/// A progress bar on a terminal, nothing elsewhere.
fn progress(files: usize) -> ProgressBar {
    if !stderr().is_terminal() || files < 2 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(files).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:40} {pos}/{len} files") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
