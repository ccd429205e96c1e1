//! Documents, comments and messages use the terms of docs/glossary.md and plain sentences.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{TokenStream, TokenTree};

use super::documents::find_texts;

/// Phrases that documents, comments and messages avoid, each with a plain form.
const AVOIDED_PHRASES: &[(&str, &str)] = &[
    ("told", "receives, reports or describes"),
    ("tells", "reports or states"),
    ("asked", "called, requested or evaluated"),
    ("wanted", "required, expected or the target"),
    ("held", "matched, stored or delayed"),
    ("knows", "contains, or is independent of"),
    ("stands", "is"),
    ("beside", "in addition to, or next to"),
    ("nobody", "no client, no policy or no process"),
    ("somebody", "a client or a user"),
    ("anybody", "a client or a user"),
    ("everybody", "every client or user"),
    ("looked at", "examined"),
    ("goes on", "continues"),
    ("speaks", "uses or supports"),
    ("says", "states or reports"),
    ("heard", "received"),
    ("learns", "records"),
    ("armed", "enabled"),
    ("posture", "default action"),
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
    ("does not know", "is independent of"),
    ("what cannot", "a noun, such as `an unreadable attribute`"),
    ("what it cannot", "limits"),
    ("as it stands", "without changes"),
    ("as they stand", "without changes"),
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

/// Packages whose comments or messages still contain avoided phrases. The list may only shrink.
const NOT_YET_PLAIN: &[&str] = &["engine"];

#[test]
fn public_documents_contain_no_avoided_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "BENCHMARKING.md", "SEMANTICS.md"];
    let mut files: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    find_texts(&root.join("docs"), &mut files);
    assert!(files.len() > names.len(), "no page in docs");
    let mut wrong = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a document");
        wrong.extend(avoided(&text).map(|phrase| format!("{}: {phrase}", file.display())));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_and_messages_contain_no_avoided_phrase() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    for package in packages() {
        let package = package.as_str();
        let mut files = Vec::new();
        find_texts(&root.join(package), &mut files);
        files.retain(|file| file.extension().is_some_and(|extension| extension == "rs"));
        assert!(!files.is_empty(), "no source file in {package}");
        let before = wrong.len();
        for file in &files {
            // The list of phrases is here.
            if file.ends_with("tests/vocabulary.rs") {
                continue;
            }
            let source = fs::read_to_string(file).expect("a source file");
            // The path of `root` itself contains `tests`.
            let inside = file.strip_prefix(&root).unwrap_or(file);
            let is_test = inside.components().any(|part| part.as_os_str() == "tests");
            let mut texts = comments(&source);
            if !is_test {
                texts.extend(messages(&source));
            }
            for text in texts {
                wrong.extend(avoided(&text).map(|phrase| format!("{}: {phrase}", file.display())));
            }
        }
        if NOT_YET_PLAIN.contains(&package) {
            assert!(wrong.len() > before, "{package} is plain: remove it from NOT_YET_PLAIN");
            wrong.truncate(before);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the top-level directories of all packages.
fn packages() -> BTreeSet<String> {
    let tops = super::architecture::packages().into_iter().filter_map(|path| {
        let top = path.iter().next()?.to_str()?;
        Some(top.to_owned())
    });
    tops.collect()
}

/// Returns the avoided phrases in `text`, each with its plain form.
fn avoided(text: &str) -> impl Iterator<Item = String> {
    let words = words_outside_code(text);
    AVOIDED_PHRASES
        .iter()
        .filter(move |(phrase, _)| words.contains(&format!(" {phrase} ")))
        .map(|(phrase, plain)| format!("`{phrase}`; write `{plain}`"))
}

/// Returns the comments of a source file, with adjacent lines joined.
fn comments(source: &str) -> Vec<String> {
    let mut comments = vec![String::new()];
    for line in source.lines() {
        match line.trim_start().strip_prefix("//") {
            Some(text) => {
                let comment = comments.last_mut().expect("a comment");
                comment.push_str(text.trim_start_matches(['/', '!']));
                comment.push('\n');
            }
            None => comments.push(String::new()),
        }
    }
    comments
}

/// Returns the string literals of at least two words outside test modules.
fn messages(source: &str) -> Vec<String> {
    fn collect(tokens: TokenStream, texts: &mut Vec<String>) {
        let mut is_doc = false;
        for token in tokens {
            match token {
                TokenTree::Group(group) => collect(group.stream(), texts),
                TokenTree::Ident(name) => {
                    is_doc = name == "doc";
                    continue;
                }
                TokenTree::Punct(punctuation) if punctuation.as_char() == '=' => continue,
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if !is_doc && text.contains('"') && text.contains(' ') {
                        texts.push(text.replace("\\n", "\n"));
                    }
                }
                TokenTree::Punct(_) => {}
            }
            is_doc = false;
        }
    }
    let code = source.split("#[cfg(test)]\nmod").next().unwrap_or_default();
    let mut texts = Vec::new();
    collect(code.parse().expect("Rust tokens"), &mut texts);
    texts
}

/// Returns the words of a Markdown text outside code, in lower case, with one space before and after each word.
fn words_outside_code(text: &str) -> String {
    // Blocks of text: an unpaired backtick affects only its own block.
    let mut blocks = vec![String::new()];
    let mut is_code = false;
    for line in text.lines() {
        let start = line.trim_start();
        if start.starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            if start.is_empty() || start.starts_with("- ") || start.starts_with('|') {
                blocks.push(String::new());
            }
            let block = blocks.last_mut().expect("a block");
            block.push_str(line);
            block.push('\n');
        }
    }
    let mut words = String::from(" ");
    // Every second part between backticks is inline code.
    for part in blocks.iter().flat_map(|block| block.split('`').step_by(2)) {
        for word in part.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            words.push_str(&word.to_lowercase());
            words.push(' ');
        }
    }
    words
}
