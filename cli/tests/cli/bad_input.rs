//! Invalid input: exit code 2 and a message with the position, the error and help.

use crate::folder::{Folder, Ran};

const POLICY: &str = "apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: p
  namespace: foo
spec:
  rules:
  - to:
    - operation:
        methods: [GET]
";

/// Runs every command that reads manifests, with one file `bad.yaml`.
fn each(content: impl AsRef<[u8]>) -> [Ran; 2] {
    let folder = Folder::new(&[("bad.yaml", content.as_ref())]);
    [folder.run("lint -f bad.yaml"), folder.run("check -f . --from foo/a --to foo/b:80")]
}

fn refused(content: impl AsRef<[u8]>, parts: &[&str]) {
    for ran in each(content) {
        ran.assert_error(2, parts);
        assert_eq!(ran.out, "");
    }
}

#[test]
fn invalid_yaml_is_error_with_position() {
    refused("kind: [Pod\nmetadata: {name: x}\n", &["bad.yaml:", "error[yaml-syntax]", "help:"]);
    refused("a: b\n\tc: d\n", &["bad.yaml:", "error[yaml-syntax]", "indent with spaces"]);
    refused("{{- range .Values.x }}\nkind: Pod\n", &["bad.yaml:1", "render the template first"]);
}

#[test]
fn unknown_field_is_error() {
    let text = POLICY.replace("methods", "method");
    let parts =
        ["bad.yaml:10:9", "unknown field `method`", "AuthorizationPolicy foo/p", "operation.method", "help:"];
    refused(text, &parts);
    refused(POLICY.replace("spec:", "rule: []\nspec:"), &["bad.yaml:6:1", "unknown field `rule`", "help:"]);
}

#[test]
fn value_of_wrong_type_is_error() {
    let parts =
        ["bad.yaml:10:19", "expected a string", "spec.rules[0].to[0].operation.methods[0]", "in quotes"];
    refused(POLICY.replace("[GET]", "[1]"), &parts);
    refused(POLICY.replace("[GET]", "GET"), &["bad.yaml:10:9", "expected a sequence", "operation.methods"]);
}

#[test]
fn object_without_kind_or_name_is_error() {
    refused("apiVersion: v1\nmetadata: {name: x}\n", &["bad.yaml:1:1", "object without `kind`", "help:"]);
    refused(
        "apiVersion: v1\nkind: Namespace\n",
        &["bad.yaml:1:1", "without a name", "metadata.name", "help:"],
    );
    refused("- 1\n- 2\n", &["bad.yaml:1:1", "not a Kubernetes object", "help:"]);
    refused("just text\n", &["bad.yaml:1:1", "not a Kubernetes object", "help:"]);
}

#[test]
fn curly_quotes_are_error_with_help() {
    for (value, plain) in [("“GET”", "GET"), ("‘GET’", "GET"), ("„GET“", "GET"), ("GET”", "GET")]
    {
        let parts =
            ["bad.yaml:10:19", "curly-quotes", "operation.methods[0]", "use straight quotes: \"GET\""];
        refused(POLICY.replace("GET", value), &parts);
        assert_eq!(plain, "GET");
    }
    let cilium = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: foo}\nspec:\n  \
                  endpointSelector: {}\n  egress:\n  - toFQDNs:\n    - matchPattern: “*.google.com”\n";
    refused(cilium, &["bad.yaml:8:7", "curly-quotes", "spec.egress[0].toFQDNs[0].matchPattern"]);
    refused(
        POLICY.replace("AuthorizationPolicy", "“AuthorizationPolicy”"),
        &["bad.yaml:2:1", "curly-quotes"],
    );
}

#[test]
fn line_of_one_mebibyte_is_not_quoted() {
    let long = "x".repeat(1 << 20);
    for ran in each(POLICY.replace("methods: [GET]", &format!("method: [{long}]"))) {
        ran.assert_error(2, &["bad.yaml:10:9", "unknown field", "help:"]);
        assert!(ran.err.len() < 10_000, "{} bytes", ran.err.len());
    }
    for ran in each(format!("kind: [{long}")) {
        ran.assert_error(2, &["bad.yaml:", "help:"]);
        assert!(ran.err.len() < 10_000, "{} bytes", ran.err.len());
    }
}

#[test]
fn alias_bomb_is_error() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    refused(text, &["bad.yaml:", "error[too-large]", "help:"]);
}

#[test]
fn deep_nesting_is_error() {
    refused("[".repeat(100_000), &["bad.yaml:", "help:"]);
    let mut text = String::new();
    for depth in 0..2_000 {
        text.push_str(&" ".repeat(depth));
        text.push_str("a:\n");
    }
    refused(text, &["bad.yaml:", "error[too-large]", "help:"]);
}

#[test]
fn duplicate_key_is_error() {
    let text = POLICY.replace("methods: [GET]", "methods: [GET]\n        methods: [POST]");
    refused(text, &["bad.yaml:11:9", "error[duplicate-key]", "methods", "help:"]);
}

#[test]
fn file_that_is_not_text_is_error() {
    refused(b"kind: Pod\nname: \xff\xfe\n", &["bad.yaml:2:7", "not text", "0xff", "UTF-8"]);
    refused(b"\x7fELF\x02\x01\x01\0\0\0", &["bad.yaml:1:8", "not text", "0x00", "help:"]);
    refused(b"\xff\xfek\0i\0n\0d\0", &["bad.yaml:1:1", "not text", "saved as UTF-8"]);
}

#[test]
fn load_without_objects_is_error() {
    let folder =
        Folder::new(&[("empty.yaml", b""), ("none/readme.md", b"x"), ("comment.yaml", b"# nothing\n---\n")]);
    folder.run("lint -f none").assert_error(2, &["no manifest in this folder: `none`", "*.yaml"]);
    folder.run("lint -f empty.yaml").assert_error(2, &["the file contains no object: `empty.yaml`", "help:"]);
    folder.run("lint -f comment.yaml").assert_error(2, &["the file contains no object: `comment.yaml`"]);
    folder
        .run("lint -f missing.yaml")
        .assert_error(2, &["cannot read `missing.yaml`: no such file", "check the path"]);
    folder.run("lint -f -").assert_error(2, &["standard input contains no object"]);
    folder.run("lint").assert_error(2, &["--filename"]);
}

#[test]
fn byte_order_mark_and_windows_line_ends_are_accepted() {
    let text = format!("\u{feff}{}", POLICY.replace('\n', "\r\n"));
    for ran in each(text.replace("[GET]", "[1]")) {
        ran.assert_error(2, &["bad.yaml:10:19", "expected a string"]);
    }
    let folder = Folder::new(&[("good.yaml", text.as_bytes())]);
    folder.run("lint -f good.yaml").assert_error(0, &[]);
}

#[test]
fn item_of_list_is_reported_with_its_own_line() {
    let bad = POLICY.replace("methods", "method").replace('\n', "\n  ");
    let good = POLICY.replace('\n', "\n  ");
    let text = format!("apiVersion: v1\nkind: List\nitems:\n- {good}\n- {bad}\n").replace("\n  \n", "\n");
    refused(text, &["bad.yaml:23:11", "unknown field `method`", "AuthorizationPolicy foo/p"]);
}

#[test]
fn every_invalid_document_of_a_load_is_reported() {
    let bad = POLICY.replace("methods", "method");
    let text = format!("{bad}---\n{POLICY}---\n{bad}");
    refused(text, &["bad.yaml:10:9", "bad.yaml:32:9"]);
}

#[test]
fn standard_input_is_quoted_as_source() {
    let ran = Folder::new(&[]).run_with(&["lint", "-f", "-"], POLICY.replace("[GET]", "[1]").as_bytes());
    ran.assert_error(2, &["standard input:10:19", "methods: [1]"]);
}
