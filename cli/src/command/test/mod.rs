//! `palisade test`.

mod json;
mod junit;
mod text;

use super::input::LinkArgs;
use crate::{
    failure::Failure,
    output::Output,
    show::{diagnostics, notes},
};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use palisade_cases::{FileReport, InProcess, find, run_with};
use palisade_manifests::{Access, SourceMap};
use std::{
    io::{IsTerminal, stderr},
    path::PathBuf,
};

/// Run case files: flows with their expected decisions.
///
/// A case file is named `NAME.cases.yaml`. It uses the manifests in its
/// folder, unless it names others:
///
///     cases:
///     - name: GET is allowed
///       from: {workload: foo/sleep}
///       to: {workload: foo/sample, port: 8000}
///       http: {method: GET, path: /status}
///       expect: allow
///       by: AuthorizationPolicy/foo/allow-get-requests#0
///
/// docs/case-files.md describes all fields.
///
/// Example:
///
///     palisade test policies/ --output junit > results.xml
///
/// Exit codes:
///   0  all cases passed
///   1  a case failed
///   2  a file is invalid, or there is no case file
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Test {
    /// Case files, and folders with `*.cases.yaml` files.
    #[arg(value_name = "FILE|DIR", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    links: LinkArgs,
    /// Format of the output.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
    /// Print only files with failed cases.
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text for people.
    Text,
    /// JSON for scripts.
    Json,
    /// JUnit XML for build servers.
    Junit,
}

impl Test {
    pub(crate) fn run(&self) -> Result<Output, Failure> {
        let access = Access::new(&self.paths, self.links.follow_links);
        let files =
            find(&self.paths, &access).map_err(|findings| Failure::Input(findings, SourceMap::default()))?;
        if files.is_empty() {
            let paths: Vec<String> = self.paths.iter().map(|path| format!("`{}`", path.display())).collect();
            let help = "a case file is named NAME.cases.yaml; `palisade test --help` shows one";
            return Err(Failure::argument(format!("no case file in {}", paths.join(", ")), help));
        }
        let progress = progress(files.len());
        let report = run_with(&files, &InProcess, &access, &|_: &FileReport| progress.inc(1));
        progress.finish_and_clear();
        let errors: Vec<_> = report.errors().into_iter().cloned().collect();
        diagnostics::render(&errors, &report.sources()).print_error();
        if !errors.is_empty() && self.output == Format::Text {
            notes::print("the cases of invalid files and of invalid manifests did not run");
        }
        let refused: Vec<_> = report.files.iter().filter(|file| file.refused).collect();
        if let [first, ..] = refused.as_slice() {
            notes::print(&format!(
                "validation rejects manifests of {} files, such as {}; `palisade lint` reports the reasons",
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

/// Returns a progress bar if standard error is a terminal.
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
