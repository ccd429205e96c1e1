//! The cases, tests and anchors that documents and code cite exist.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every case file and test in SEMANTICS.md exists, and every row of its tables has one as proof.
#[test]
fn cases_and_tests_in_semantics_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("SEMANTICS.md")).expect("SEMANTICS.md");
    let named = text.split('`').filter(|part| part.ends_with(".cases.yaml"));
    let missing: Vec<&str> =
        named.clone().filter(|file| !root.join("policies").join(file).is_file()).collect();
    assert!(missing.is_empty(), "missing cases of SEMANTICS.md: {missing:?}");
    assert!(named.count() > 10);
    for test in text.split('`').filter(|part| part.contains(".rs::")) {
        let (file, function) = test.split_once("::").expect("a file and a function");
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(
            source.contains(&format!("#[test]\nfn {function}()")),
            "missing test of SEMANTICS.md: `{test}`"
        );
    }
    for table in ["## The profile strict", "## Known differences"] {
        let section = text.split(table).nth(1).expect("a table").split("\n## ").next().unwrap_or_default();
        let (_, rows) = section.split_once("|---").expect("a line below the head");
        for row in rows.lines().filter(|line| line.starts_with("| ")) {
            let proof = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            assert!(proof.contains(".cases.yaml`") || proof.contains(".rs::"), "missing proof: {row}");
        }
    }
}

/// Every rule in docs/semantics has a unique anchor, a source, and a case or test that exists.
#[test]
fn semantics_rules_have_an_anchor_a_source_and_a_case() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut anchors: BTreeSet<String> = BTreeSet::new();
    let mut wrong = Vec::new();
    for page in pages(&root) {
        let text = fs::read_to_string(&page).expect("a page");
        for (anchor, rule) in rules(&text) {
            if !rule.contains("Source:") {
                wrong.push(format!("{anchor} has no source"));
            }
            let named = proofs(&rule);
            if named.is_empty() {
                wrong.push(format!("{anchor} has neither a case nor a test"));
            }
            for proof in named.into_iter().filter(|proof| !exists(&root, proof)) {
                wrong.push(format!("{anchor} names `{proof}`, which does not exist"));
            }
            if !anchors.insert(anchor.clone()) {
                wrong.push(format!("{anchor} occurs twice"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(anchors.len() > 200, "only {} rules", anchors.len());
}

/// Every anchor of docs/semantics that code or a document cites exists, and nothing cites a document outside of the
/// repository.
#[test]
fn code_cites_existing_anchors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut anchors: BTreeSet<String> = BTreeSet::new();
    for page in pages(&root) {
        let text = fs::read_to_string(&page).expect("a page");
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        anchors.extend(rules(&text).into_iter().map(|(anchor, _)| format!("{name}#{anchor}")));
    }
    let outside = ["istio", "ambient", "cilium"].map(|name| format!("spec/{name}.md"));
    let mut files = Vec::new();
    find_texts(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        for rest in text.split("docs/semantics/").skip(1) {
            let is_end = |c: char| !(c.is_ascii_alphanumeric() || "-_.#".contains(c));
            let cited = rest.split(is_end).next().unwrap_or_default().trim_end_matches('.');
            if cited.contains('#') && !anchors.contains(cited) {
                wrong.push(format!("{} cites {cited}", file.display()));
            }
        }
        for name in outside.iter().filter(|name| text.contains(name.as_str())) {
            wrong.push(format!("{} cites {name}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the pages of docs/semantics.
fn pages(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join("docs/semantics")).expect("docs/semantics");
    let paths = entries.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// Returns the anchor and the text of each rule of a page. A rule ends at the next anchor or heading.
fn rules(page: &str) -> Vec<(String, String)> {
    let mut rules: Vec<(String, String)> = Vec::new();
    let mut is_rule = false;
    for line in page.lines() {
        is_rule &= !line.starts_with('#');
        if let Some((_, rest)) = line.split_once("<a id=\"") {
            let (anchor, _) = rest.split_once('"').expect("the end of an anchor");
            rules.push((anchor.to_string(), String::new()));
            is_rule = true;
        }
        if let (true, Some((_, text))) = (is_rule, rules.last_mut()) {
            text.push_str(line);
            text.push('\n');
        }
    }
    rules
}

/// Returns the case files and tests that `rule` names.
fn proofs(rule: &str) -> Vec<&str> {
    let start = ["Case:", "Test:"].iter().filter_map(|mark| rule.find(mark)).min();
    let text = start.and_then(|start| rule.get(start..)).unwrap_or_default();
    let words = text.split(|c: char| c.is_whitespace() || "`,;()[]".contains(c));
    words.filter(|word| word.ends_with(".cases.yaml") || word.contains(".rs::")).collect()
}

/// Returns whether the case file or the test `proof` exists.
fn exists(root: &Path, proof: &str) -> bool {
    match proof.split_once("::") {
        Some((file, function)) => {
            let source = fs::read_to_string(root.join(file)).unwrap_or_default();
            source.contains(&format!("fn {function}("))
        }
        None => root.join(proof).is_file(),
    }
}

/// Adds every Rust file and Markdown document below `directory` to `found`, except build output.
pub(super) fn find_texts(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                find_texts(&path, found);
            }
        } else if name.ends_with(".rs") || name.ends_with(".md") {
            found.push(path);
        }
    }
}
