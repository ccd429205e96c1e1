//! The imports between the files of each crate form no cycle, and the engine's modules have an order.

mod cycles;
mod imports;
mod modules;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use imports::Imports;

/// The engine's modules in order: each one imports only from modules before it.
const ORDER: &[&str] = &[
    "limits",
    "labels",
    "namespaced_name",
    "net",
    "rule_id",
    "unknown_name",
    "visible",
    "whole_number",
    "diagnostic",
    "request",
    "ir",
    "switches",
    "options",
    "yaml",
    "resource",
    "manifest",
    "cluster",
    "decision",
    "http",
    "matcher",
    "lower",
    "fqdn",
    "dns",
    "lint",
    "enforcement",
    "compile",
    "explain",
    "export",
    "strict",
    "authorization",
    "filter_chain",
    "network",
    "policy_set",
    "flow",
    "policies",
    "internals",
];

/// Imports that violate the order. The list may only shrink.
const KNOWN_EXCEPTIONS: &[(&str, &str)] = &[];

/// Directories with import cycles between their files. The list may only shrink.
const KNOWN_CYCLES: &[&str] = &[];

/// The kinds of targets whose crate roots Cargo finds in a directory.
const DISCOVERED: [(&str, &str); 4] =
    [("bin", "src/bin"), ("test", "tests"), ("bench", "benches"), ("example", "examples")];

#[test]
fn imports_between_files_form_no_cycle() {
    let mut unused: BTreeSet<&str> = KNOWN_CYCLES.iter().copied().collect();
    let mut wrong = Vec::new();
    for package in packages() {
        let imports = imports_of(&package);
        for component in cycles::components(&imports) {
            let contains = |directory: &&&str| component.iter().all(|file| file.starts_with(directory));
            // Reports the innermost directory, so that an outer one does not hide it.
            match KNOWN_CYCLES.iter().filter(contains).max_by_key(|directory| directory.len()) {
                Some(directory) => _ = unused.remove(directory),
                None => wrong.push(cycles::describe(&imports, &component)),
            }
        }
    }
    wrong.extend(
        unused.iter().map(|directory| format!("{directory} has no cycle: remove it from KNOWN_CYCLES")),
    );
    assert!(wrong.is_empty(), "import cycles:\n{}", wrong.join("\n"));
}

#[test]
fn engine_module_imports_only_from_modules_before_it() {
    let imports = imports_of(Path::new("engine"));
    let mut unused: BTreeSet<(&str, &str)> = KNOWN_EXCEPTIONS.iter().copied().collect();
    let mut wrong = BTreeSet::new();
    for (file, targets) in &imports {
        let Some(importer) = top_module(file) else { continue };
        for (target, names) in targets {
            let Some(imported) = top_module(target) else { continue };
            let position = |module: &str| ORDER.iter().position(|name| *name == module);
            match (position(importer), position(imported)) {
                (Some(own), Some(other)) if other <= own => {}
                (Some(_), Some(_)) if KNOWN_EXCEPTIONS.contains(&(importer, imported)) => {
                    unused.remove(&(importer, imported));
                }
                (Some(_), Some(_)) => {
                    wrong.insert(format!("{} imports {names:?} from a later module", file.display()));
                }
                (own, _) => {
                    let module = if own.is_none() { importer } else { imported };
                    wrong.insert(format!("module `{module}` is missing from ORDER"));
                }
            }
        }
    }
    let unused = unused.iter().map(|(importer, imported)| {
        format!("`{importer}` no longer imports from `{imported}`: remove it from KNOWN_EXCEPTIONS")
    });
    let wrong: Vec<String> = wrong.into_iter().chain(unused).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn engine_names_no_host_and_no_clock() {
    let mut files = Vec::new();
    rust_files(&repository().join("engine/src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("a source file");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in ["proxy_wasm", "wasmtime", "wasm_bindgen", "SystemTime", "Instant", "std::time"] {
                assert!(!line.contains(word), "{}: {line}", file.display());
            }
        }
    }
    let manifest = manifest(&repository().join("engine"));
    let dependencies = manifest["dependencies"].as_table().expect("a table");
    for name in ["proxy-wasm", "wasmtime", "wasm-bindgen"] {
        assert!(!dependencies.contains_key(name), "engine/Cargo.toml depends on {name}");
    }
}

/// Returns the engine's top-level module that contains `file`; `None` for `lib.rs`.
fn top_module(file: &Path) -> Option<&str> {
    let name = file.strip_prefix("engine/src").ok()?.iter().next()?.to_str()?;
    let name = name.trim_end_matches(".rs");
    (name != "lib").then_some(name)
}

/// Returns the imports between the files of all crates in `package`, with paths relative to the repository.
fn imports_of(package: &Path) -> Imports {
    let mut all = Imports::new();
    for root in crate_roots(&repository().join(package)) {
        for (file, targets) in imports::between_files(&modules::read_crate(&root)) {
            let files = all.entry(relative(&file)).or_default();
            for (target, names) in targets {
                files.entry(relative(&target)).or_default().extend(names);
            }
        }
    }
    all
}

/// Returns the root files of the crates in the package at `directory`.
fn crate_roots(directory: &Path) -> Vec<PathBuf> {
    let manifest = manifest(directory);
    let mut roots: Vec<PathBuf> =
        ["src/lib.rs", "src/main.rs", "build.rs"].map(|file| directory.join(file)).into();
    for (kind, folder) in DISCOVERED {
        let declared = manifest.get(kind).and_then(toml::Value::as_array).into_iter().flatten();
        roots.extend(
            declared.filter_map(|target| target.get("path")?.as_str()).map(|path| directory.join(path)),
        );
        if manifest["package"].get(format!("auto{kind}s")).and_then(toml::Value::as_bool) != Some(false) {
            for entry in fs::read_dir(directory.join(folder)).into_iter().flatten().flatten() {
                let path = entry.path();
                roots.push(if path.is_dir() { path.join("main.rs") } else { path });
            }
        }
    }
    roots.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "rs"));
    roots.sort();
    roots.dedup();
    roots
}

/// Returns the directories of the workspace's packages, and of the packages outside the workspace.
pub(super) fn packages() -> Vec<PathBuf> {
    let manifest = manifest(&repository());
    let names = ["members", "exclude"].map(|key| manifest["workspace"][key].as_array().expect("a list"));
    let names = names.into_iter().flatten().map(|name| name.as_str().expect("a directory"));
    names.chain(["fuzz"]).map(PathBuf::from).collect()
}

fn manifest(directory: &Path) -> toml::Table {
    let text = fs::read_to_string(directory.join("Cargo.toml")).expect("a manifest");
    text.parse().expect("a manifest")
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix(repository()).expect("a path in the repository").to_path_buf()
}

/// Adds every Rust file below `directory` to `files`.
fn rust_files(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
