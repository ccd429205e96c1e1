//! Finding and reading case files.

use crate::{
    case::{self, Case},
    schema::FileSpec,
};
use palisade::{Diagnostic, Origin, manifest};
use palisade_manifests::{Access, Disk, SourceMap, is_case_file, read};
use std::path::{Path, PathBuf};

/// The manifests that a case file refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestSource {
    /// The manifests in this folder, without those that a `load:` case names.
    Directory(PathBuf, Vec<PathBuf>),
    /// These files and folders, which a case file in the first folder names.
    Listed(PathBuf, Vec<PathBuf>),
}

/// One case file.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path as it was found.
    pub path: PathBuf,
    /// Its manifests.
    pub manifests: ManifestSource,
    /// Its cases, in order.
    pub cases: Vec<Case>,
    /// Its text.
    pub source: SourceMap,
}

/// The findings of a case file that cannot be used, and its text.
#[derive(Clone, Debug)]
pub struct InvalidFile {
    /// The findings, one for each invalid case.
    pub findings: Vec<Diagnostic>,
    /// The text; empty if the file cannot be read.
    pub source: SourceMap,
}

impl CaseFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is not YAML, or has an invalid field or value.
    pub fn read(path: &Path) -> Result<Self, InvalidFile> {
        let text = read(&Disk, path)
            .map_err(|finding| InvalidFile { findings: vec![finding], source: SourceMap::default() })?;
        let source = SourceMap::of(&path.display().to_string(), text.as_str());
        match Self::parse(path, &text) {
            Ok(file) => Ok(Self { source, ..file }),
            Err(findings) => Err(InvalidFile { findings, source }),
        }
    }

    /// Parses the `text` of the file at `path`. The result contains no text.
    ///
    /// # Errors
    ///
    /// The text is not YAML, or has an invalid field or value.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let spec: FileSpec = manifest::read(&name, text).map_err(|finding| vec![of_a_case(finding)])?;
        let origin = Origin { file: Some(name.into()), line: first_line(text), ..Origin::default() };
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut cases = Vec::with_capacity(spec.cases.len());
        let mut findings = Vec::new();
        for (n, case) in spec.cases.into_iter().enumerate() {
            let line = u32::try_from(case.referenced.line()).unwrap_or(0);
            let title = format!("case `{}`", case.value.name);
            match case::build(case.value, line, &spec.options, spec.profile) {
                Ok(case) => cases.push(case),
                Err((field, message)) => {
                    let finding = Diagnostic::error("case-field", message).at(format!("cases[{n}].{field}"));
                    findings.push(finding.help(FIELDS).of(title, &origin));
                }
            }
        }
        if !findings.is_empty() {
            manifest::place(&mut findings, text);
            return Err(findings);
        }
        let manifests = match spec.manifests {
            Some(list) => {
                let paths = list.0.iter().map(|entry| folder.join(entry));
                ManifestSource::Listed(folder.to_owned(), paths.collect())
            }
            None => ManifestSource::Directory(folder.to_owned(), loads(folder, &cases)),
        };
        Ok(Self { path: path.to_owned(), manifests, cases, source: SourceMap::default() })
    }
}

/// Returns `finding` with the path as the file has it, and with help for values.
fn of_a_case(finding: Diagnostic) -> Diagnostic {
    let path = finding.path.replace("].value", "]");
    if path.is_empty() || finding.code != "yaml-syntax" {
        return finding.at(path);
    }
    Diagnostic { code: "case-field", ..finding.at(path).help(FIELDS) }
}

const FIELDS: &str = "the fields of a case are described in docs/case-files.md";

/// Returns the first line of the document: the first line that is not a comment.
fn first_line(text: &str) -> u32 {
    let begins =
        |line: &str| !(line.trim().is_empty() || line.starts_with(['#', '%']) || line.trim_end() == "---");
    let before = text.trim_start_matches('\u{feff}').lines().take_while(|line| !begins(line)).count();
    u32::try_from(before + 1).unwrap_or(u32::MAX)
}

fn loads(folder: &Path, cases: &[Case]) -> Vec<PathBuf> {
    let files = cases.iter().filter_map(|case| match &case.question {
        case::Question::Load(load) => Some(folder.join(&load.file)),
        case::Question::Flow(_) => None,
    });
    files.collect()
}

/// Returns every `*.cases.yaml` at or below `paths`, sorted, and each path that is a file, whatever its name is.
///
/// # Errors
///
/// A path cannot or may not be read.
pub fn find(paths: &[PathBuf], access: &Access) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let (mut files, mut findings) = (Vec::new(), Vec::new());
    for path in paths {
        let (found, refused) = access.files(path, usize::MAX, is_case_file);
        files.extend(found);
        findings.extend(refused);
    }
    files.dedup();
    if findings.is_empty() { Ok(files) } else { Err(findings) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<usize, Vec<&'static str>> {
        let file = CaseFile::parse(Path::new("a.cases.yaml"), text);
        file.map(|file| file.cases.len()).map_err(|findings| findings.iter().map(|f| f.code).collect())
    }

    #[test]
    fn file_with_two_anchors_and_a_thousand_aliases_loads() {
        let mut text = "cases:\n- {name: first, from: &f {ip: 10.0.0.1}, to: &t {ip: 10.0.0.2, port: 80}, expect: allow}\n"
            .to_owned();
        for n in 0..1_000 {
            text.push_str(&format!("- {{name: case {n}, from: *f, to: *t, expect: allow}}\n"));
        }
        assert_eq!(parse(&text), Ok(1_001));
    }

    #[test]
    fn alias_bomb_is_error() {
        let mut text = "manifests:\n- &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..12 {
            let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
            text.push_str(&format!("- &a{n} [{aliases}]\n"));
        }
        assert!(parse(&text).is_err());
    }

    #[test]
    fn raw_with_another_field_is_error() {
        let case = |http: &str| {
            parse(&format!(
                "cases: [{{name: a, from: {{ip: 10.0.0.1}}, to: {{ip: 10.0.0.2, port: 80}}, http: {{{http}}}, expect: allow}}]"
            ))
        };
        assert_eq!(case(r#"raw: "GET / HTTP/1.1", remoteIp: 10.0.0.3"#), Ok(1));
        assert_eq!(case(r#"raw: "GET / HTTP/1.1", path: /"#), Err(vec!["case-field"]));
    }
}
