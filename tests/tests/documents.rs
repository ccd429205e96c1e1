//! What the documents promise is there.

use std::{fs, path::Path};

/// Every case file and every test that SEMANTICS.md gives as proof exists, and no row of what differs is without one.
#[test]
fn semantics_names_cases_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("SEMANTICS.md")).expect("SEMANTICS.md");
    let named = text.split('`').filter(|part| part.ends_with(".cases.yaml"));
    let missing: Vec<&str> =
        named.clone().filter(|file| !root.join("policies").join(file).is_file()).collect();
    assert!(missing.is_empty(), "SEMANTICS.md names cases that are not there: {missing:?}");
    assert!(named.count() > 50);
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
