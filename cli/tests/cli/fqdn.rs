//! `palisade fqdn`.

use crate::folder::Folder;

#[test]
fn each_name_has_a_result_and_a_reason() {
    let folder = Folder::new(&[]);
    let ran = folder.run("fqdn *.google.com www.google.com google.com a.b.google.com www.google.org");
    ran.assert_error(1, &[]);
    assert_eq!(
        ran.out,
        "yes  www.google.com
no   google.com: the pattern has 3 labels and the name 2: a star does not match a dot
no   a.b.google.com: the pattern has 3 labels and the name 4: a star does not match a dot
no   www.google.org: `com` does not match the label `org`
"
    );
    folder.run("fqdn **.google.com a.b.google.com").assert_error(0, &[]);
    folder.run("fqdn --option ciliumVersion=1.18 **.google.com a.b.google.com").assert_error(1, &[]);
    folder.run("fqdn *.göögle.com x").assert_error(2, &["invalid pattern", "`ö`", "help:"]);
}

#[test]
fn json_lines_have_one_result_per_pair() {
    let pairs = br#"{"pattern": "*.a.io", "name": "x.a.io."}
{"pattern": "*.a.io", "name": "a.io"}

{"pattern": "a b", "name": "a b"}
"#;
    let ran = Folder::new(&[]).run_with(&["fqdn", "--json-lines"], pairs);
    ran.assert_error(0, &[]);
    let answers = "{\"valid\":true,\"matches\":true}\n{\"valid\":true,\"matches\":false}\n{\"valid\":false,\"matches\":false}\n";
    assert_eq!(ran.out, answers);
    Folder::new(&[])
        .run_with(&["fqdn", "--json-lines"], b"{}")
        .assert_error(2, &["line 1", "missing field `pattern`"]);
}

#[test]
fn names_are_reported_as_json() {
    let ran = Folder::new(&[]).run("fqdn -o json *.a.io x.a.io a.io");
    ran.assert_error(1, &[]);
    let answer: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(answer["pattern"], "*.a.io");
    assert_eq!(answer["names"][0], serde_json::json!({"name": "x.a.io", "matches": true, "why": null}));
    assert_eq!(answer["names"][1]["matches"], false);
    assert!(answer["names"][1]["why"].as_str().is_some_and(|why| why.contains("3 labels")));
}
