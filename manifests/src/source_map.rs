//! The text, the objects and the positions of all files of a load.

use palisade::{
    Diagnostic, Origin,
    manifest::{Document, Field, Positions},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

/// One file of a load.
#[derive(Debug)]
pub struct SourceFile {
    text: Box<str>,
    documents: Vec<Document>,
    /// The positions, computed at the first use because most files have no findings.
    positions: OnceLock<Positions>,
}

/// The files of a load, by the names in the origins of findings and objects. A copy shares the files.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: BTreeMap<Arc<str>, Arc<SourceFile>>,
}

impl SourceFile {
    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the objects of the file; an item of a List is a separate object.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// Returns the positions of the fields.
    pub fn positions(&self) -> &Positions {
        self.positions.get_or_init(|| Positions::new(&self.text))
    }
}

impl SourceMap {
    /// Returns a source map of one file without Kubernetes objects, such as a case file.
    pub fn of(name: &str, text: impl Into<Box<str>>) -> Self {
        let mut map = Self::default();
        map.add(name, text, Vec::new());
        map
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, text: impl Into<Box<str>>, documents: Vec<Document>) {
        let file = SourceFile { text: text.into(), documents, positions: OnceLock::new() };
        self.files.insert(name.into(), Arc::new(file));
    }

    /// Adds the files of `other`.
    pub fn extend(&mut self, other: &Self) {
        self.files.extend(other.files.iter().map(|(name, file)| (Arc::clone(name), Arc::clone(file))));
    }

    /// Returns the file that findings call `name`.
    pub fn file(&self, name: &str) -> Option<&SourceFile> {
        self.files.get(name).map(|file| &**file)
    }

    /// Returns the position of the field at `path` of the object that came from `origin`, or of its nearest ancestor.
    pub fn field(&self, origin: &Origin, path: &str) -> Option<Field> {
        self.file(origin.file.as_deref()?)?.positions().field(origin, path)
    }

    /// Returns the object that came from `origin`, as its file contains it.
    pub fn object(&self, origin: &Origin) -> Option<&Value> {
        let documents = self.file(origin.file.as_deref()?)?.documents();
        // The documents are in the order of their numbers.
        let first = documents.partition_point(|document| document.origin.document < origin.document);
        let mut own = documents.iter().skip(first).take_while(|d| d.origin.document == origin.document);
        own.find(|document| document.origin.item == origin.item).map(|document| &document.value)
    }

    /// Returns the objects that came from `origins`, in the order of the files' names and of the objects in each file.
    pub fn objects<'o>(&self, origins: impl IntoIterator<Item = &'o Origin>) -> Vec<&Value> {
        let mut requested: BTreeMap<&str, BTreeSet<(u32, &str)>> = BTreeMap::new();
        for origin in origins {
            let file = origin.file.as_deref().unwrap_or_default();
            requested.entry(file).or_default().insert((origin.document, &origin.item));
        }
        let mut objects = Vec::new();
        for (name, requested) in requested {
            let documents = self.file(name).map(SourceFile::documents).unwrap_or_default();
            let own = |document: &&Document| {
                requested.contains(&(document.origin.document, document.origin.item.as_str()))
            };
            objects.extend(documents.iter().filter(own).map(|document| &document.value));
        }
        objects
    }

    /// Sets the position of each finding without one.
    pub fn place(&self, findings: &mut [Diagnostic]) {
        for finding in findings.iter_mut().filter(|finding| finding.position.is_none()) {
            let field = self.field(&finding.origin, &finding.path);
            finding.position = field.map(|field| field.position());
        }
    }
}
