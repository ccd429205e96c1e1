//! The engine's modules form one line, and it knows neither its hosts nor a clock.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Modules from left to right; those of one string may use each other, as two halves of one step.
const ORDER: [&str; 13] = [
    "limits labels net rule_id visible whole_number",
    "diagnostic options",
    "resource manifest",
    "cluster",
    "request decision http",
    "ir",
    "matcher",
    "lower dns fqdn",
    "lint export enforcement",
    "compile explain",
    "strict",
    "authorization network policy_set export",
    "flow",
];

/// What points to the right, with the reason that it may.
const EXCEPTIONS: [(&str, &str, &str); 1] =
    [("options", "compile", "the switches of compilation are options like others")];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

/// File names with their text, comments and tests cut off.
fn engine() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("text");
            let text = text.split("#[cfg(test)]\nmod").next().unwrap_or_default();
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let code = code.collect::<Vec<_>>().join("\n");
            (path.strip_prefix(&root).expect("below the root").to_path_buf(), code)
        })
        .collect()
}

/// The top-level modules that `code` names after `crate::`, in braces or not.
fn used(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(body) = rest.strip_prefix('{') {
            let (mut depth, mut word) = (0, String::new());
            let mut skipping = false;
            for character in body.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        modules.push(core::mem::take(&mut word));
                        skipping = false;
                    }
                    ':' if depth == 0 => skipping = true,
                    c if depth == 0 && !skipping && !c.is_whitespace() => word.push(c),
                    _ => {}
                }
            }
            modules.push(word);
        } else {
            modules.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    modules.retain(|m| m.chars().next().is_some_and(char::is_lowercase));
    modules
}

#[test]
fn a_module_uses_only_modules_to_its_left() {
    let mut place = BTreeMap::new();
    for (n, names) in ORDER.iter().enumerate() {
        for name in names.split(' ') {
            place.insert(name, n);
        }
    }
    let mut wrong = Vec::new();
    for (file, code) in engine() {
        let module = file.iter().next().expect("a name").to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = place.get(module) else {
            wrong.push(format!("module `{module}` has no place in the order"));
            continue;
        };
        for other in used(&code) {
            let excepted = EXCEPTIONS.iter().any(|(from, to, _)| (*from, *to) == (module, &*other));
            let to_the_left = place.get(other.as_str()).is_some_and(|there| there <= own);
            if !to_the_left && !excepted {
                wrong.push(format!("{} uses `{other}`", file.display()));
            }
        }
    }
    wrong.sort();
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engine_knows_no_host_and_no_clock() {
    for (file, code) in engine() {
        for word in ["proxy_wasm", "wasmtime", "wasm_bindgen", "SystemTime", "Instant", "std::time"] {
            assert!(!code.contains(word), "{} names `{word}`", file.display());
        }
    }
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("text");
    for word in ["proxy-wasm", "wasmtime", "wasm-bindgen"] {
        assert!(!manifest.contains(word), "engine/Cargo.toml names `{word}`");
    }
}
