//! What the documents promise is there.

use std::{fs, path::Path};

/// Every case file that SEMANTICS.md gives as proof exists.
#[test]
fn semantics_names_cases_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("SEMANTICS.md")).expect("SEMANTICS.md");
    let named = text.split('`').filter(|part| part.ends_with(".cases.yaml"));
    let missing: Vec<&str> =
        named.clone().filter(|file| !root.join("policies").join(file).is_file()).collect();
    assert!(missing.is_empty(), "SEMANTICS.md names cases that are not there: {missing:?}");
    assert!(named.count() > 50);
}
