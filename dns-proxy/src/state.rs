//! The file with the DNS cache. Its writer can allow addresses, so only the user of the process may write it.

use crate::ProxyError;
use rustix::{fs::OFlags, process::geteuid};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};
use tempfile::{Builder, NamedTempFile};

/// The limit of the file in bytes, which exceeds the size of any valid cache.
const MAX: u64 = 256 << 20;
/// The write permissions of the group and of all users.
const OTHERS_WRITE: u32 = 0o022;

/// Reads the file, or returns `None` if it does not exist.
///
/// # Errors
///
/// The file is unreadable, another user can write it, or its folder is not writable.
pub(crate) fn load(path: &Path) -> Result<Option<Vec<u8>>, ProxyError> {
    let wrong = |error: io::Error, help: &str| {
        ProxyError::new(format!("`--state {}`: {error}", path.display()), help)
    };
    let content = read(path).map_err(|error| {
        wrong(error, "give a regular file that only this user can write, or one that does not exist")
    })?;
    remove_left_over(path);
    temporary(path)
        .map(drop)
        .map_err(|error| wrong(error, "give a file in a folder that exists and can be written"))?;
    Ok(content)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return refuse("it is a symbolic link");
    }
    // The flags refuse a link that was created since the check, and do not wait for the writer of a FIFO.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let flags = i32::try_from(flags).map_err(io::Error::other)?;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if !found.is_file() {
        return refuse("it is not a regular file");
    }
    if found.uid() != geteuid().as_raw() {
        return refuse("it belongs to another user");
    }
    if found.mode() & OTHERS_WRITE != 0 {
        return refuse("other users can write it");
    }
    let mut bytes = Vec::new();
    file.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has more than {MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Replaces the file atomically.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder(path))?.sync_all()
}

/// Keeps a file with invalid content under another name, which contains `at`.
pub(crate) fn set_aside(path: &Path, at: u64) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".not-restored-{at}"));
    let aside = PathBuf::from(name);
    // A link, unlike a rename, replaces no file.
    fs::hard_link(path, &aside)?;
    Ok(aside)
}

/// Removes temporary files of killed processes. A file that another process writes stays.
fn remove_left_over(path: &Path) {
    let (prefix, owner) = (prefix(path), geteuid().as_raw());
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_temporary = name.to_str().is_some_and(|n| n.starts_with(&prefix) && n.ends_with(SUFFIX));
        let is_own = |found: fs::Metadata| found.is_file() && found.uid() == owner;
        if !is_temporary || !entry.metadata().is_ok_and(is_own) {
            continue;
        }
        if File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            // Another process can have removed it.
            let _ = fs::remove_file(entry.path());
        }
    }
}

const SUFFIX: &str = ".tmp";

fn prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Creates a locked file in the folder of `path`, for this user only.
fn temporary(path: &Path) -> io::Result<NamedTempFile> {
    let file = Builder::new().prefix(&prefix(path)).suffix(SUFFIX).tempfile_in(folder(path))?;
    file.as_file().lock()?;
    Ok(file)
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn files(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn saved_bytes_are_loaded_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        assert_eq!(load(&path).unwrap(), None);
        for bytes in [&b"one"[..], b"two two"] {
            save(&path, bytes).unwrap();
            assert_eq!(load(&path).unwrap().unwrap(), bytes);
        }
        assert_eq!(files(folder.path()), ["names"]);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn file_that_others_can_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = |path: &Path| load(path).unwrap_err().to_string();
        assert!(error(folder.path()).contains("not a regular file"));
        assert!(error(&folder.path().join("none/names")).contains("none/names"));
        let (path, link) = (folder.path().join("names"), folder.path().join("link"));
        save(&path, b"one").unwrap();
        symlink(&path, &link).unwrap();
        assert!(error(&link).contains("symbolic link"));
        for mode in [0o666, 0o620, 0o602] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(error(&path).contains("other users can write it"), "{mode:o}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }

    #[test]
    fn temporary_file_without_process_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        let used = temporary(&path).unwrap();
        for name in [".names.abc.tmp", ".other.abc.tmp", "names.tmp"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        load(&path).unwrap();
        let in_use = used.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut left = vec![in_use, ".other.abc.tmp".to_owned(), "names.tmp".to_owned()];
        left.sort();
        assert_eq!(files(folder.path()), left);
    }

    #[test]
    fn invalid_file_is_kept_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        fs::write(&path, "bad").unwrap();
        assert_eq!(set_aside(&path, 7).unwrap(), folder.path().join("names.not-restored-7"));
        save(&path, b"good").unwrap();
        assert_eq!(fs::read(folder.path().join("names.not-restored-7")).unwrap(), b"bad");
        assert!(set_aside(&path, 7).is_err(), "an existing file stays");
    }
}
