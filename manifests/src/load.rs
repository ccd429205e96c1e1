//! Loading manifests: files, folders and standard input, as kubectl reads them.

use crate::{
    access::Access,
    names::is_manifest,
    read::{Disk, Files, file_origin, read},
    source_map::SourceMap,
};
use palisade::{Cluster, Diagnostic, Options, Severity, lint, manifest, resource::Resources};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The manifests of one load.
#[derive(Debug)]
pub struct Manifests {
    /// The cluster that they describe.
    pub cluster: Arc<Cluster>,
    /// The findings of reading; those of [`Self::lint`] are separate.
    pub findings: Vec<Diagnostic>,
    /// The files.
    pub sources: SourceMap,
}

/// A load in progress.
struct Loader<'a> {
    access: &'a Access,
    files: &'a dyn Files,
    resources: Resources,
    findings: Vec<Diagnostic>,
    /// The files that are read, without links in their paths.
    seen: BTreeSet<PathBuf>,
    sources: SourceMap,
}

impl Manifests {
    /// Loads files, folders (every YAML and JSON file below, except case files) and `-` for standard input. Unreadable
    /// files are among the findings.
    pub fn load(paths: &[PathBuf], access: &Access) -> Self {
        Self::load_with(&Disk, paths, access)
    }

    /// Loads manifests from other files than those on disk.
    pub fn load_with(files: &dyn Files, paths: &[PathBuf], access: &Access) -> Self {
        let mut loader = Loader::new(files, access);
        for path in paths {
            loader.argument(path);
        }
        loader.finish()
    }

    /// Loads the files and folders `paths` that a case file in `folder` names.
    pub fn load_entries(folder: &Path, paths: &[PathBuf], access: &Access) -> Self {
        let mut loader = Loader::new(&Disk, access);
        for path in paths {
            match access.check_entry(folder, path) {
                Ok(()) => loader.path(path),
                Err(finding) => loader.findings.push(finding),
            }
        }
        loader.finish()
    }

    /// Loads the manifests in `folder`, without those in its subfolders and without `excluded`.
    pub fn load_folder(folder: &Path, excluded: &[PathBuf], access: &Access) -> Self {
        let excluded: BTreeSet<&PathBuf> = excluded.iter().collect();
        let mut loader = Loader::new(&Disk, access);
        for path in loader.manifests(folder, 1) {
            if !excluded.contains(&path) {
                loader.file(&path);
            }
        }
        loader.finish()
    }

    /// Returns whether a finding of reading is an error.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Returns the findings of Istio's, Cilium's and Kubernetes' own validation, and the traps that users report.
    pub fn lint(&self, options: &Options) -> Vec<Diagnostic> {
        let mut findings = lint::check(&self.cluster, options);
        self.sources.place(&mut findings);
        findings
    }
}

impl<'a> Loader<'a> {
    fn new(files: &'a dyn Files, access: &'a Access) -> Self {
        Self {
            access,
            files,
            resources: Resources::default(),
            findings: Vec::new(),
            seen: BTreeSet::new(),
            sources: SourceMap::default(),
        }
    }

    fn finish(mut self) -> Manifests {
        let (cluster, duplicates) = Cluster::new(self.resources);
        self.findings.extend(duplicates);
        self.sources.place(&mut self.findings);
        Manifests { cluster: cluster.into(), findings: self.findings, sources: self.sources }
    }

    fn argument(&mut self, path: &Path) {
        if path == Path::new("-") {
            if self.text(path) == Some(0) {
                self.nothing(path, "standard input contains no object", "pipe Kubernetes YAML or JSON in");
            }
            return;
        }
        match self.access.check_argument(path) {
            Ok(()) => self.path(path),
            Err(finding) => self.findings.push(finding),
        }
    }

    fn path(&mut self, path: &Path) {
        if path.is_dir() {
            let files = self.manifests(path, usize::MAX);
            if files.is_empty() && self.findings.is_empty() {
                let help = "name a folder that contains *.yaml, *.yml or *.json files";
                self.nothing(path, "no manifest in this folder", help);
            }
            for file in files {
                self.file(&file);
            }
        } else if self.file(path) == Some(0) {
            self.nothing(path, "the file contains no object", "name a file with Kubernetes objects");
        }
    }

    fn nothing(&mut self, path: &Path, message: &str, help: &str) {
        let finding = Diagnostic::error("nothing-to-read", format!("{message}: `{}`", path.display()));
        self.findings.push(finding.help(help).of("", &file_origin(path)));
    }

    fn manifests(&mut self, folder: &Path, depth: usize) -> Vec<PathBuf> {
        let (files, findings) = self.access.files(folder, depth, is_manifest);
        self.findings.extend(findings);
        files
    }

    /// Reads one file, unless it is already read; returns the number of objects and findings in it.
    fn file(&mut self, path: &Path) -> Option<usize> {
        if let Ok(real) = path.canonicalize()
            && !self.seen.insert(real)
        {
            return None;
        }
        self.text(path)
    }

    /// Reads the text at `path`; returns the number of objects and findings in it.
    fn text(&mut self, path: &Path) -> Option<usize> {
        let text = match read(self.files, path) {
            Ok(text) => text,
            Err(finding) => {
                self.findings.push(finding);
                return None;
            }
        };
        let name = path.display().to_string();
        let (documents, findings) = manifest::documents(&name, &text);
        let count = documents.len() + findings.len();
        self.findings.extend(findings);
        for document in &documents {
            if let Err(finding) = self.resources.add(document.value.clone(), document.origin.clone()) {
                self.findings.push(Diagnostic { origin: document.origin.clone(), ..finding });
            }
        }
        self.sources.add(&name, text, documents);
        Some(count)
    }
}
