//! Files as text, with errors that say what to do.

use palisade::{Diagnostic, Origin, limits::MAX_MANIFEST_BYTES};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The texts of a load: findings quote the lines that they are about.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What cannot be read twice: standard input and FIFOs.
    kept: BTreeMap<String, String>,
}

impl Sources {
    /// Returns the text of `file`, as a finding's origin names it, or `None` if it cannot be read again.
    pub fn text(&self, file: &str) -> Option<Cow<'_, str>> {
        if let Some(text) = self.kept.get(file) {
            return Some(Cow::Borrowed(text));
        }
        let path = Path::new(file);
        if !fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
            return None;
        }
        read(path).ok().map(Cow::Owned)
    }

    /// Keeps the `text` of `file` where the file cannot be read again.
    pub(crate) fn keep(&mut self, file: &str, text: String) {
        if file == "-" || !fs::metadata(file).is_ok_and(|metadata| metadata.is_file()) {
            self.kept.insert(file.to_owned(), text);
        }
    }
}

/// The text of the file at `path`.
pub(crate) fn read(path: &Path) -> Result<String, Diagnostic> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    limited(path, file)
}

/// The text of standard input.
pub(crate) fn read_stdin() -> Result<String, Diagnostic> {
    limited(Path::new("-"), io::stdin().lock())
}

/// The text of `input`, whatever length its file system gives for it.
fn limited(path: &Path, input: impl Read) -> Result<String, Diagnostic> {
    let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = input.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_MANIFEST_BYTES {
        let message = format!("`{}` has more than {MAX_MANIFEST_BYTES} bytes", path.display());
        return Err(Diagnostic::error("too-large", message).help("split the file").of("", &about(path)));
    }
    text(&path.display().to_string(), bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let at = match String::from_utf8(bytes) {
        Ok(text) => match text.bytes().position(|b| b == 0) {
            None => return Ok(text),
            Some(at) => (text.into_bytes(), at),
        },
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (error.into_bytes(), at)
        }
    };
    let (bytes, at) = at;
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count() + 1;
    let byte = bytes.get(at).copied().unwrap_or_default();
    let to_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut finding = Diagnostic::error("not-text", format!("not text: byte 0x{byte:02x} is no UTF-8 text"))
        .help("name only YAML or JSON files, saved as UTF-8")
        .of("", &Origin { file: Some(name.into()), line: to_u32(line), ..Origin::default() });
    finding.position = Some((to_u32(line), to_u32(column)));
    Err(finding)
}

pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let help = match error.kind() {
        io::ErrorKind::NotFound => "check the path",
        io::ErrorKind::PermissionDenied => "make the file readable",
        _ => "name a readable file or folder",
    };
    let cause = error.to_string();
    let cause = cause.split(" (os error").next().unwrap_or_default().to_lowercase();
    Diagnostic::error("unreadable", format!("cannot read `{}`: {cause}", path.display()))
        .help(help)
        .of("", &about(path))
}

/// An error of walking through `root`.
pub(crate) fn walk_error(root: &Path, error: &walkdir::Error) -> Diagnostic {
    let path = error.path().unwrap_or(root);
    if let Some(error) = error.io_error() {
        return unreadable(path, error);
    }
    Diagnostic::error("unreadable", format!("`{}` links back to a folder above it", path.display()))
        .help("remove the link, or name the folders one by one")
        .of("", &about(path))
}

/// An origin that names `path` alone.
pub(crate) fn about(path: &Path) -> Origin {
    Origin { file: Some(path.display().to_string().into()), ..Origin::default() }
}

/// Whether `path` is named as case files are.
pub(crate) fn is_case_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".cases.yaml") || name.ends_with(".cases.yml")
}

/// Whether `path` is named as manifests are.
pub(crate) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy()).unwrap_or_default();
    ["yaml", "yml", "json"].contains(&&*extension) && !is_case_file(path)
}
