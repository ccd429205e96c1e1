//! Files as text, with a limit on their size.

use palisade::{Diagnostic, Origin, limits::MAX_MANIFEST_BYTES};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The files that a load reads. Tests replace it.
pub trait Files {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    ///
    /// The file cannot be opened.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>>;
}

/// The files on disk, and standard input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        if path == Path::new("-") {
            return Ok(Box::new(io::stdin().lock()));
        }
        Ok(Box::new(File::open(path)?))
    }
}

/// Returns the text of the file at `path`. It ignores the length that the file system reports, which can be wrong.
///
/// # Errors
///
/// The file is unreadable, too large or not text.
pub fn read(files: &dyn Files, path: &Path) -> Result<String, Diagnostic> {
    let limit = u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let opened = files.open(path);
    let count = opened.and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    count.map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_MANIFEST_BYTES {
        let message = format!("`{}` has more than {MAX_MANIFEST_BYTES} bytes", path.display());
        return Err(Diagnostic::error("too-large", message)
            .help("split the file")
            .of("", &file_origin(path)));
    }
    text(&path.display().to_string(), bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let (bytes, at) = match String::from_utf8(bytes) {
        Ok(text) => match text.bytes().position(|b| b == 0) {
            None => return Ok(text),
            Some(at) => (text.into_bytes(), at),
        },
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            (error.into_bytes(), at)
        }
    };
    let before = bytes.get(..at).unwrap_or_default();
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
    let column = String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count() + 1;
    let byte = bytes.get(at).copied().unwrap_or_default();
    let to_u32 = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut finding =
        Diagnostic::error("not-text", format!("not text: byte 0x{byte:02x} is not valid UTF-8"))
            .help("name only YAML or JSON files, saved as UTF-8")
            .of("", &Origin { file: Some(name.into()), line: to_u32(line), ..Origin::default() });
    finding.position = Some((to_u32(line), to_u32(column)));
    Err(finding)
}

/// Returns the finding for an unreadable file or folder.
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
        .of("", &file_origin(path))
}

/// Returns an origin that names only the file at `path`.
pub(crate) fn file_origin(path: &Path) -> Origin {
    Origin { file: Some(path.display().to_string().into()), ..Origin::default() }
}
