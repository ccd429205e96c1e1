//! `cargo xtask dependencies`: the rules of `deny.toml` that need no download, and dependencies that nothing uses.
//!
//! Building `cargo deny` takes minutes, so only the workflow on GitHub runs it, with the database of advisories.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use regex::Regex;
use serde::Deserialize;
use spdx::{Expression, ParseMode};
use walkdir::WalkDir;

use crate::process::{ask, cargo};
use crate::workspace;

/// The part of `deny.toml` that is checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    allow_registry: Vec<String>,
}

/// The part of `cargo metadata` that is read.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    rename: Option<String>,
}

/// Checks licences, banned packages, registries and unused dependencies of the workspace.
///
/// # Errors
///
/// Returns an error that lists every violation of a rule.
pub(crate) fn check() -> Result<()> {
    let rules = fs::read_to_string(workspace::root().join("deny.toml")).context("cannot read `deny.toml`")?;
    let rules: Rules = toml::from_str(&rules).context("invalid `deny.toml`")?;
    let metadata = ask(&mut cargo(&["metadata", "--format-version", "1", "--all-features", "--locked"]))
        .context("`cargo metadata --locked` failed")?;
    let metadata: Metadata = serde_json::from_str(&metadata).context("invalid output of `cargo metadata`")?;
    let mut violations = Vec::new();
    for package in &metadata.packages {
        if metadata.workspace_members.contains(&package.id) {
            violations.extend(unused(package)?);
        } else {
            violations.extend(rules.violations(package));
        }
    }
    violations.extend(unused_in_workspace(&metadata)?);
    if !violations.is_empty() {
        bail!("{}\nhelp: the rules are in `deny.toml`", violations.join("\n"));
    }
    println!("{} packages: licences, bans, sources and unused dependencies checked", metadata.packages.len());
    Ok(())
}

/// The part of the workspace's manifest that is read.
#[derive(Debug, Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Debug, Deserialize)]
struct Workspace {
    dependencies: BTreeMap<String, toml::Value>,
}

/// Returns a message for each entry of `[workspace.dependencies]` that no member inherits.
fn unused_in_workspace(metadata: &Metadata) -> Result<Vec<String>> {
    let manifest =
        fs::read_to_string(workspace::root().join("Cargo.toml")).context("cannot read `Cargo.toml`")?;
    let manifest: Manifest = toml::from_str(&manifest).context("invalid `Cargo.toml`")?;
    let members = metadata.packages.iter().filter(|package| metadata.workspace_members.contains(&package.id));
    let used: BTreeSet<&str> = members
        .flat_map(|package| &package.dependencies)
        .map(|dependency| dependency.rename.as_deref().unwrap_or(&dependency.name))
        .collect();
    let unused = manifest.workspace.dependencies.keys().filter(|name| !used.contains(name.as_str()));
    Ok(unused.map(|name| format!("unused workspace dependency `{name}`")).collect())
}

impl Rules {
    fn violations(&self, package: &Package) -> Vec<String> {
        let mut violations = Vec::new();
        let name = &package.name;
        if let Some(ban) = self.bans.deny.iter().find(|ban| ban.name == *name) {
            violations.push(format!("banned dependency `{name}`: {}", ban.reason));
        }
        if !package.license.as_deref().is_some_and(|license| self.allows(license)) {
            let license = package.license.as_deref().unwrap_or("none");
            violations.push(format!("license of `{name}` is not allowed: {license}"));
        }
        let registry = package.source.as_deref().and_then(|source| source.strip_prefix("registry+"));
        if !registry.is_some_and(|registry| self.sources.allow_registry.iter().any(|url| url == registry)) {
            let source = package.source.as_deref().unwrap_or("a path");
            violations.push(format!("source of `{name}` is not allowed: {source}"));
        }
        violations
    }

    /// Whether the allowed licences satisfy an SPDX expression, or the older form `MIT/Apache-2.0`.
    fn allows(&self, license: &str) -> bool {
        let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else { return false };
        expression.evaluate(|required| self.licenses.allow.contains(&required.to_string()))
    }
}

/// Returns a message for each dependency whose name no source file of the package contains.
fn unused(package: &Package) -> Result<Vec<String>> {
    let folder = Path::new(&package.manifest_path).parent().context("missing directory of a manifest")?;
    let mut text = String::new();
    let entries = WalkDir::new(folder).into_iter().filter_entry(|entry| {
        // A package in a subdirectory has its own dependencies.
        entry.depth() == 0 || !entry.path().join("Cargo.toml").exists() && entry.file_name() != "target"
    });
    for entry in entries {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(entry.path())?;
        }
    }
    let mut unused = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.rename.as_ref().unwrap_or(&dependency.name).replace('-', "_");
        if !Regex::new(&format!(r"\b{}\b", regex::escape(&name)))?.is_match(&text) {
            unused.push(format!("unused dependency `{}` of `{}`", dependency.name, package.name));
        }
    }
    Ok(unused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        toml::from_str(
            "licenses = {allow = ['MIT', 'Apache-2.0', 'Apache-2.0 WITH LLVM-exception']}\n\
             bans = {deny = [{crate = 'wee_alloc', reason = 'leaks'}]}\n\
             sources = {allow-registry = ['https://github.com/rust-lang/crates.io-index']}",
        )
        .unwrap()
    }

    fn package(name: &str, license: Option<&str>, source: Option<&str>) -> Package {
        Package {
            id: name.into(),
            name: name.into(),
            license: license.map(Into::into),
            source: source.map(Into::into),
            manifest_path: String::new(),
            dependencies: Vec::new(),
        }
    }

    const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

    #[test]
    fn license_expression_needs_one_allowed_alternative() {
        for (license, allowed) in [
            ("MIT", true),
            ("MIT/Apache-2.0", true),
            ("GPL-3.0-only OR MIT", true),
            ("MIT AND GPL-3.0-only", false),
            ("Apache-2.0 WITH LLVM-exception", true),
            ("no license", false),
        ] {
            assert_eq!(rules().allows(license), allowed, "{license}");
        }
    }

    #[test]
    fn banned_package_unknown_registry_and_missing_license_are_violations() {
        assert!(rules().violations(&package("a", Some("MIT"), Some(CRATES_IO))).is_empty());
        for (package, expected) in [
            (package("wee_alloc", Some("MIT"), Some(CRATES_IO)), "leaks"),
            (package("a", None, Some(CRATES_IO)), "license of `a`"),
            (package("a", Some("MIT"), Some("git+https://example.org/a")), "source of `a`"),
            (package("a", Some("MIT"), None), "source of `a`"),
        ] {
            let violations = rules().violations(&package);
            assert!(violations.iter().any(|text| text.contains(expected)), "{violations:?}");
        }
    }

    #[test]
    fn this_package_uses_its_dependencies_and_no_other() {
        let manifest_path = format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let dependency = |name: &str| Dependency { name: name.into(), rename: None };
        let mut package = Package { manifest_path, ..package("xtask", None, None) };
        package.dependencies = vec![dependency("serde-saphyr"), dependency("no-such-package")];
        assert_eq!(unused(&package).unwrap(), ["unused dependency `no-such-package` of `xtask`"]);
    }
}
