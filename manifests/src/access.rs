//! The files that a load may read.
//!
//! The files of a folder can come from a pull request, and findings quote their lines. A link to a file outside the folder
//! would print text that the author of the pull request may not read. A device may have no end.

use crate::{
    names::is_manifest,
    read::{file_origin, unreadable},
};
use palisade::Diagnostic;
use std::{
    fs::{self, FileType, Metadata},
    path::{Component, Path, PathBuf},
};
use walkdir::{DirEntry, WalkDir};

/// The folders that links may lead to, and the permission to read other links and devices.
#[derive(Clone, Debug, Default)]
pub struct Access {
    folders: Vec<PathBuf>,
    follow_links: bool,
}

impl Access {
    /// Returns the access of a command with these `paths`: it reads links inside these folders, and with `follow_links` all
    /// links and devices.
    pub fn new(paths: &[PathBuf], follow_links: bool) -> Self {
        let folders = paths.iter().filter_map(|path| path.canonicalize().ok()).filter(|path| path.is_dir());
        Self { folders: folders.collect(), follow_links }
    }

    /// Returns whether a link inside `folder` to `real` may be read.
    fn allows(&self, real: &Path, folder: &Path) -> bool {
        let mut folders = self.folders.iter().map(PathBuf::as_path).chain([folder]);
        self.follow_links || folders.any(|folder| real.starts_with(folder))
    }

    /// Checks a path that the user named.
    ///
    /// # Errors
    ///
    /// The path does not exist, or is a socket or a device that may not be read.
    pub fn check_argument(&self, path: &Path) -> Result<(), Diagnostic> {
        let metadata = metadata(path)?;
        match special(metadata.file_type()) {
            Some(kind) if kind != FIFO && !(self.follow_links && kind == DEVICE) => {
                Err(not_a_file(path, kind))
            }
            _ => Ok(()),
        }
    }

    /// Checks the path `entry` that a case file in `folder` names: it must be a folder or a manifest, and no link out of
    /// `folder`.
    pub(crate) fn check_entry(&self, folder: &Path, entry: &Path) -> Result<(), Diagnostic> {
        let metadata = metadata(entry)?;
        let kind = metadata.file_type();
        if !self.follow_links {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let own = entry.strip_prefix(folder).unwrap_or(entry);
            let (real, folder) = (canonical(entry)?, canonical(folder)?);
            if real != normalized(&folder.join(own)) && !self.allows(&real, &folder) {
                return Err(link_out(entry, &folder));
            }
            if kind.is_file() && !is_manifest(entry) {
                let message = format!("a case file names `{}`, which is not a manifest", entry.display());
                return Err(Diagnostic::error("unreadable", message)
                    .help("name a folder, or a file whose name ends in .yaml, .yml or .json")
                    .of("", &file_origin(entry)));
            }
        }
        match special(kind) {
            Some(kind) if !(self.follow_links && kind == DEVICE) => Err(not_a_file(entry, kind)),
            _ => Ok(()),
        }
    }

    /// Returns the files at most `depth` below `root` for which `is_selected` returns true, in the order of their names, and
    /// a finding for each file that cannot or may not be read. If `root` is a file, its name does not matter.
    pub fn files(
        &self,
        root: &Path,
        depth: usize,
        is_selected: impl Fn(&Path) -> bool,
    ) -> (Vec<PathBuf>, Vec<Diagnostic>) {
        let (mut files, mut findings) = (Vec::new(), Vec::new());
        let folder = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let mut walk = WalkDir::new(root).follow_links(true).max_depth(depth).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    findings.push(walk_error(root, &error));
                    continue;
                }
            };
            let is_folder = entry.file_type().is_dir();
            let selected = !is_folder && (entry.depth() == 0 || is_selected(entry.path()));
            if !is_folder && !selected {
                continue;
            }
            if entry.depth() > 0 && entry.path_is_symlink() && !self.leads_inside(&entry, &folder) {
                findings.push(link_out(entry.path(), root));
                if is_folder {
                    walk.skip_current_dir();
                }
                continue;
            }
            if !selected {
                continue;
            }
            let checked = match special(entry.file_type()) {
                None => Ok(()),
                Some(DEVICE) if self.follow_links => Ok(()),
                Some(_) if entry.depth() == 0 => self.check_argument(entry.path()),
                Some(kind) => Err(not_a_file(entry.path(), kind)),
            };
            match checked {
                Ok(()) => files.push(entry.into_path()),
                Err(finding) => findings.push(finding),
            }
        }
        (files, findings)
    }

    fn leads_inside(&self, entry: &DirEntry, folder: &Path) -> bool {
        self.follow_links || entry.path().canonicalize().is_ok_and(|real| self.allows(&real, folder))
    }
}

/// Returns the finding for an error below `root`.
fn walk_error(root: &Path, error: &walkdir::Error) -> Diagnostic {
    let path = error.path().unwrap_or(root);
    if let Some(error) = error.io_error() {
        return unreadable(path, error);
    }
    Diagnostic::error("unreadable", format!("`{}` links back to a folder above it", path.display()))
        .help("remove the link, or name the folders one by one")
        .of("", &file_origin(path))
}

fn metadata(path: &Path) -> Result<Metadata, Diagnostic> {
    fs::metadata(path).map_err(|error| unreadable(path, &error))
}

fn canonical(path: &Path) -> Result<PathBuf, Diagnostic> {
    path.canonicalize().map_err(|error| unreadable(path, &error))
}

/// Returns `path` without `.` and `..`, and without following links.
fn normalized(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(normal.pop()),
            other => normal.push(other),
        }
    }
    normal
}

const FIFO: &str = "a FIFO";
const SOCKET: &str = "a socket";
const DEVICE: &str = "a device";

/// Returns the type of a path that is neither a file nor a folder.
#[cfg(unix)]
fn special(kind: FileType) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_file() || kind.is_dir() => None,
        () if kind.is_fifo() => Some(FIFO),
        () if kind.is_socket() => Some(SOCKET),
        () => Some(DEVICE),
    }
}

#[cfg(not(unix))]
fn special(kind: FileType) -> Option<&'static str> {
    (!kind.is_file() && !kind.is_dir()).then_some(DEVICE)
}

fn link_out(path: &Path, folder: &Path) -> Diagnostic {
    let message = format!("`{}` is a link out of `{}`", path.display(), folder.display());
    Diagnostic::error("link-out", message)
        .help("name its target, or read such links with --follow-links")
        .of("", &file_origin(path))
}

fn not_a_file(path: &Path, kind: &str) -> Diagnostic {
    let help = match kind {
        DEVICE => "name a file or a folder, `-` for standard input, or read devices with --follow-links",
        _ => "name a file or a folder, or `-` for standard input",
    };
    Diagnostic::error("not-a-file", format!("`{}` is {kind}", path.display()))
        .help(help)
        .of("", &file_origin(path))
}
