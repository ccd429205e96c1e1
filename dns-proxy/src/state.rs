//! The file that what was learned survives in.

use crate::ProxyError;
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Bytes of a file that may hold a cache: more than the cache's limits let it have.
const MAX: u64 = 256 << 20;

/// Reads the file; none where there is none yet.
pub(crate) fn load(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {MAX} bytes")));
    }
    Ok(Some(bytes))
}

/// Writes the file whole or not at all.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder(path);
    let mut file = NamedTempFile::new_in(&folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(&folder)?.sync_all()
}

/// Finds out early whether the file can be written.
pub(crate) fn check(path: &Path) -> Result<(), ProxyError> {
    let wrong = |error: io::Error| {
        let help = "give a file in a folder that exists and can be written";
        ProxyError::new(format!("`--state {}`: {error}", path.display()), help)
    };
    if fs::metadata(path).is_ok_and(|known| !known.is_file()) {
        return Err(wrong(io::Error::new(io::ErrorKind::InvalidInput, "this is no file")));
    }
    NamedTempFile::new_in(folder(path)).map(drop).map_err(wrong)
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

    #[test]
    fn what_is_saved_is_loaded_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names");
        assert_eq!(load(&path).unwrap(), None);
        check(&path).unwrap();
        for bytes in [&b"one"[..], b"two two"] {
            save(&path, bytes).unwrap();
            assert_eq!(load(&path).unwrap().unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check(folder.path()).is_err());
        assert!(check(&folder.path().join("none/names")).unwrap_err().to_string().contains("none/names"));
    }
}
