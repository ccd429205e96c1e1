//! What the documents promise is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Every case file and every test that SEMANTICS.md gives as proof exists, and no row of what differs is without one.
#[test]
fn semantics_names_cases_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("SEMANTICS.md")).expect("SEMANTICS.md");
    let named = text.split('`').filter(|part| part.ends_with(".cases.yaml"));
    let missing: Vec<&str> =
        named.clone().filter(|file| !root.join("policies").join(file).is_file()).collect();
    assert!(missing.is_empty(), "SEMANTICS.md names cases that are not there: {missing:?}");
    assert!(named.count() > 10);
    for test in text.split('`').filter(|part| part.contains(".rs::")) {
        let (file, function) = test.split_once("::").expect("a file and a function");
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(source.contains(&format!("#[test]\nfn {function}()")), "SEMANTICS.md names `{test}`");
    }
    for table in ["## The profile strict", "## Known differences"] {
        let section = text.split(table).nth(1).expect("a table").split("\n## ").next().unwrap_or_default();
        let (_, rows) = section.split_once("|---").expect("a line below the head");
        for row in rows.lines().filter(|line| line.starts_with("| ")) {
            let proof = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
            assert!(proof.contains(".cases.yaml`") || proof.contains(".rs::"), "nothing proves: {row}");
        }
    }
}

/// Every rule in docs/semantics has an anchor of its own, a source, and a case or test that exists.
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

/// Whether the case file or the test `proof` exists.
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
fn find_texts(directory: &Path, found: &mut Vec<PathBuf>) {
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

/// Phrases that public documents avoid, each with a plain form.
const AVOIDED_PHRASES: &[(&str, &str)] = &[
    ("is told", "receives"),
    ("are told", "receive"),
    ("nobody tells", "no component reports"),
    ("taught", "recorded"),
    ("teaches", "records"),
    ("lesson", "entry"),
    ("none where", "none if"),
    ("is no port", "invalid port"),
    ("is no valid", "is an invalid"),
    ("lets anyone", "allows"),
    ("lets through", "allows"),
    ("let through", "allowed"),
    ("may ask for", "may look up"),
    ("who is asked", "the provider"),
    ("whom", "the peer, the client or the workload"),
    ("whoever", "the subject of the action"),
    ("wants", "needs"),
    ("wanted", "target"),
    ("knows what", "contains"),
    ("does not know", "is independent of"),
    ("what cannot", "a noun, such as `an unreadable attribute`"),
    ("what it cannot", "limits"),
    ("stands beside", "is next to"),
    ("as it stands", "without changes"),
    ("as they stand", "without changes"),
    ("is held", "is stored or matched"),
    ("are held", "are stored or matched"),
    ("goes on with", "continues with"),
    ("next door", "in the same cluster or folder"),
    ("by hand", "hand-written"),
    ("dearer", "more expensive"),
    ("misses its aim", "misses its target"),
    ("guarded", "protected"),
    ("rules of the house", "project rules"),
    ("rule of meaning", "semantic rule"),
    ("away from the workload", "outbound traffic"),
    ("when something breaks", "failures"),
];

/// README.md, ARCHITECTURE.md, CONTRIBUTING.md, SECURITY.md, BENCHMARKING.md and the pages in docs contain none of the
/// phrases that docs/glossary.md and plain sentences replace.
#[test]
fn public_documents_use_plain_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "BENCHMARKING.md"];
    let mut files: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    find_texts(&root.join("docs"), &mut files);
    assert!(files.len() > names.len(), "no page in docs");
    let mut wrong = Vec::new();
    for file in files {
        let words = words_outside_code(&fs::read_to_string(&file).expect("a document"));
        for (phrase, plain) in AVOIDED_PHRASES {
            if words.contains(&format!(" {phrase} ")) {
                wrong.push(format!("{}: `{phrase}`; write `{plain}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the words of a Markdown document outside code, in lower case, with one space before and after each word.
fn words_outside_code(document: &str) -> String {
    let mut text = String::new();
    let mut is_code = false;
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            text.push_str(line);
            text.push('\n');
        }
    }
    let mut words = String::from(" ");
    // Every second part between backticks is inline code.
    for part in text.split('`').step_by(2) {
        for word in part.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            words.push_str(&word.to_lowercase());
            words.push(' ');
        }
    }
    words
}
