//! Loading manifests: files, folders and standard input, as kubectl takes them.

use crate::source;
use palisade::{Cluster, Diagnostic, Options, Severity, lint, manifest, resource::Resources};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use walkdir::WalkDir;

/// The manifests of one load.
#[derive(Debug)]
pub struct Manifests {
    /// The cluster that they describe.
    pub cluster: Cluster,
    /// What was found while reading; what [`Self::lint`] finds is not among it.
    pub findings: Vec<Diagnostic>,
    /// What was read from standard input.
    pub stdin: Option<String>,
}

/// What is being read.
#[derive(Default)]
struct Loader {
    resources: Resources,
    findings: Vec<Diagnostic>,
    seen: BTreeSet<PathBuf>,
    stdin: Option<String>,
}

impl Manifests {
    /// Loads files, folders (every YAML and JSON file below, except case files) and `-` for standard input. What cannot
    /// be read is among the findings.
    pub fn load(paths: &[PathBuf]) -> Self {
        let mut loader = Loader::default();
        for path in paths {
            loader.argument(path);
        }
        loader.finish()
    }

    /// Loads the manifests that stand in `folder` itself, except `without`.
    pub fn load_folder(folder: &Path, without: &[PathBuf]) -> Self {
        let mut loader = Loader::default();
        for path in loader.files(folder, 1) {
            if !without.contains(&path) {
                loader.file(&path);
            }
        }
        loader.finish()
    }

    /// Whether something could not be read.
    pub fn is_bad(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// What Istio's and Cilium's own validation would refuse or warn of, and traps that users report.
    pub fn lint(&self, options: &Options) -> Vec<Diagnostic> {
        let mut findings = lint::check(&self.cluster, options);
        let mut by_file: BTreeMap<String, Vec<&mut Diagnostic>> = BTreeMap::new();
        for finding in &mut findings {
            if let Some(file) = finding.origin.file.as_deref() {
                by_file.entry(file.to_owned()).or_default().push(finding);
            }
        }
        for (file, findings) in by_file {
            let read;
            let text = match file.as_str() {
                "-" => self.stdin.as_deref(),
                file => {
                    read = source::read(Path::new(file)).ok();
                    read.as_deref()
                }
            };
            if let Some(text) = text {
                manifest::place(findings, text);
            }
        }
        findings
    }
}

impl Loader {
    fn finish(self) -> Manifests {
        let (cluster, twice) = Cluster::new(self.resources);
        let mut findings = self.findings;
        findings.extend(twice);
        Manifests { cluster, findings, stdin: self.stdin }
    }

    fn argument(&mut self, path: &Path) {
        if path == Path::new("-") {
            match source::read_stdin() {
                Ok(text) => {
                    if self.text("-", &text) == 0 {
                        self.nothing(
                            path,
                            "standard input holds no object",
                            "pipe Kubernetes YAML or JSON in",
                        );
                    }
                    self.stdin = Some(text);
                }
                Err(finding) => self.findings.push(finding),
            }
        } else if path.is_dir() {
            let files = self.files(path, usize::MAX);
            if files.is_empty() && self.findings.is_empty() {
                let help = "name a folder that holds *.yaml, *.yml or *.json files";
                self.nothing(path, "no manifest in this folder", help);
            }
            for file in files {
                self.file(&file);
            }
        } else if self.file(path) == Some(0) {
            self.nothing(path, "the file holds no object", "name a file with Kubernetes objects");
        }
    }

    fn nothing(&mut self, path: &Path, message: &str, help: &str) {
        let finding = Diagnostic::error("nothing-to-read", format!("{message}: `{}`", path.display()));
        self.findings.push(finding.help(help).of("", &source::about(path)));
    }

    fn files(&mut self, folder: &Path, depth: usize) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in WalkDir::new(folder).follow_links(true).max_depth(depth).sort_by_file_name() {
            match entry {
                Ok(entry) if entry.file_type().is_file() && source::is_manifest(entry.path()) => {
                    files.push(entry.into_path());
                }
                Ok(_) => {}
                Err(error) => self.findings.push(source::walk_error(folder, &error)),
            }
        }
        files
    }

    /// Reads one file, unless it was read before; gives the number of objects and findings in it.
    fn file(&mut self, path: &Path) -> Option<usize> {
        if let Ok(real) = path.canonicalize()
            && !self.seen.insert(real)
        {
            return None;
        }
        match source::read(path) {
            Ok(text) => Some(self.text(&path.display().to_string(), &text)),
            Err(finding) => {
                self.findings.push(finding);
                None
            }
        }
    }

    fn text(&mut self, name: &str, text: &str) -> usize {
        let (documents, findings) = manifest::documents(name, text);
        let count = documents.len() + findings.len();
        self.findings.extend(findings);
        self.findings.extend(manifest::add(documents, text, &mut self.resources));
        count
    }
}
