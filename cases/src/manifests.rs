//! Loading manifests: files, folders and standard input, as kubectl takes them.

use crate::{
    access::Access,
    source::{self, Sources},
};
use palisade::{Cluster, Diagnostic, Options, Severity, lint, manifest, resource::Resources};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The manifests of one load.
#[derive(Debug)]
pub struct Manifests {
    /// The cluster that they describe.
    pub cluster: Cluster,
    /// What was found while reading; what [`Self::lint`] finds is not among it.
    pub findings: Vec<Diagnostic>,
    /// The texts that findings are about.
    pub sources: Sources,
}

/// What is being read.
struct Loader<'a> {
    access: &'a Access,
    resources: Resources,
    findings: Vec<Diagnostic>,
    seen: BTreeSet<PathBuf>,
    sources: Sources,
}

impl Manifests {
    /// Loads files, folders (every YAML and JSON file below, except case files) and `-` for standard input. What cannot
    /// be read is among the findings.
    pub fn load(paths: &[PathBuf], access: &Access) -> Self {
        let mut loader = Loader::new(access);
        for path in paths {
            loader.argument(path);
        }
        loader.finish()
    }

    /// Loads the files and folders `paths` that a case file in `folder` names.
    pub fn load_named(folder: &Path, paths: &[PathBuf], access: &Access) -> Self {
        let mut loader = Loader::new(access);
        for path in paths {
            match access.check_named(folder, path) {
                Ok(()) => loader.path(path),
                Err(finding) => loader.findings.push(finding),
            }
        }
        loader.finish()
    }

    /// Loads the manifests that stand in `folder` itself, except `without`.
    pub fn load_folder(folder: &Path, without: &[PathBuf], access: &Access) -> Self {
        let without: BTreeSet<&PathBuf> = without.iter().collect();
        let mut loader = Loader::new(access);
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
            if let Some(text) = self.sources.text(&file) {
                manifest::place(findings, &text);
            }
        }
        findings
    }
}

impl<'a> Loader<'a> {
    fn new(access: &'a Access) -> Self {
        Self {
            access,
            resources: Resources::default(),
            findings: Vec::new(),
            seen: BTreeSet::new(),
            sources: Sources::default(),
        }
    }

    fn finish(self) -> Manifests {
        let (cluster, twice) = Cluster::new(self.resources);
        let mut findings = self.findings;
        findings.extend(twice);
        Manifests { cluster, findings, sources: self.sources }
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
                    self.sources.keep("-", text);
                }
                Err(finding) => self.findings.push(finding),
            }
            return;
        }
        match self.access.check_given(path) {
            Ok(()) => self.path(path),
            Err(finding) => self.findings.push(finding),
        }
    }

    fn path(&mut self, path: &Path) {
        if path.is_dir() {
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
        let (files, findings) = self.access.files(folder, depth, source::is_manifest);
        self.findings.extend(findings);
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
            Ok(text) => {
                let name = path.display().to_string();
                let count = self.text(&name, &text);
                self.sources.keep(&name, text);
                Some(count)
            }
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
