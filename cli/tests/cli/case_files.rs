//! `palisade test`.

use crate::folder::Folder;
use serde_json::Value;
use std::process::{Command, Stdio};

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: foo}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: foo, labels: {app: b}}
status: {podIP: 10.0.0.2}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get, namespace: foo}
spec: {selector: {matchLabels: {app: b}}, rules: [{to: [{operation: {methods: [GET]}}]}]}
";

const CASES: &str = "# first lines
cases:
- name: get
  from: {workload: foo/a}
  to: {workload: foo/b, port: 80}
  http: {method: GET}
  expect: allow
  by: AuthorizationPolicy/foo/get#0
- name: post
  from: {workload: foo/a}
  to: {workload: foo/b, port: 80}
  http: {method: POST, headers: {a: b, c: [d, {bytes: ff}]}}
  expect: deny
  by: authorization-policy
  layers: {cilium-egress: not-selected, cilium-ingress: allow, authorization-policy: deny}
";

fn folder(cases: &str) -> Folder {
    Folder::new(&[("t/all.yaml", CLUSTER.as_bytes()), ("t/one.cases.yaml", cases.as_bytes())])
}

#[test]
fn passed_cases_are_counted() {
    let ran = folder(CASES).run("test t");
    ran.assert_error(0, &[]);
    assert_eq!(ran.out, "ok   t/one.cases.yaml  2 passed\n2 passed, 0 failed, 0 skipped in 1 files\n");
}

#[test]
fn failed_case_reports_expectation_and_position() {
    let cases =
        CASES.replace("expect: deny", "expect: allow").replace("by: authorization-policy", "by: X/y/z#1");
    let ran = folder(&cases).run("test t");
    ran.assert_error(1, &[]);
    for part in [
        "FAIL t/one.cases.yaml  1 passed, 1 failed",
        "  post  t/one.cases.yaml:9\n    verdict: expected allow, got deny\n    by: expected X/y/z#1, got authorization-policy",
        "1 passed, 1 failed, 0 skipped in 1 files",
    ] {
        assert!(ran.out.contains(part), "no `{part}` in:\n{}", ran.out);
    }
    assert!(folder(CASES).run("test --quiet t").out.starts_with("2 passed"));
}

#[test]
fn report_is_available_as_json_and_junit() {
    let cases = CASES.replace("expect: deny", "expect: allow");
    let ran = folder(&cases).run("test t --output json");
    assert_eq!(ran.code, 1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["summary"], serde_json::json!({"passed": 1, "failed": 1, "skipped": 0}));
    assert_eq!(report["files"][0]["file"], "t/one.cases.yaml");
    let cases_json = &report["files"][0]["cases"];
    assert_eq!(cases_json[0]["name"], "get");
    assert_eq!(cases_json[0]["decidedBy"]["name"], "get");
    assert_eq!(cases_json[0]["passed"], true);
    assert_eq!(cases_json[1]["expected"], "allow");
    assert_eq!(cases_json[1]["verdict"], "deny");
    assert_eq!(cases_json[1]["decidedBy"]["default"], "no ALLOW rule matched");
    let junit = folder(&cases).run("test t --output junit").out;
    assert!(junit.contains("tests=\"2\"") && junit.contains("failures=\"1\""), "{junit}");
}

#[test]
fn invalid_case_file_is_error() {
    for (from, to, parts) in [
        ("expect: deny", "expects: deny", &["one.cases.yaml:13:", "unknown field `expects`", "cases[1]"][..]),
        (
            "expect: deny",
            "expect: no",
            &[
                "one.cases.yaml:13:11",
                "unknown expectation `no`, expected one of allow, deny",
                "cases[1].expect",
            ],
        ),
        (
            "from: {workload: foo/a}",
            "from: {workload: a}",
            &["one.cases.yaml:4:3", "namespace/name", "cases[0].from"],
        ),
        (
            "to: {workload: foo/b,",
            "to: {ip: 10.0.0.300,",
            &["one.cases.yaml:5:", "`10.0.0.300` is not an IP address"],
        ),
        ("from: {workload: foo/a}", "from: {workload: foo/z}", &["one.cases.yaml:3", "foo/z"]),
        ("# first lines", "options: {ciliumVersion: 1.20}", &["one.cases.yaml:1:", "options"]),
        ("# first lines", "manifests: [missing.yaml]", &["cannot read `t/missing.yaml`"]),
        ("cases:", "cases: {", &["one.cases.yaml:2:8", "expected sequence"]),
    ] {
        folder(&CASES.replacen(from, to, 1)).run("test t").assert_error(2, parts);
    }
    folder(CASES).run("test t/all.yaml").assert_error(2, &["all.yaml"]);
}

#[test]
fn missing_case_file_is_error() {
    Folder::new(&[("m.yaml", CLUSTER.as_bytes())])
        .run("test .")
        .assert_error(2, &["no case file in `.`", "NAME.cases.yaml"]);
    Folder::new(&[]).run("test missing").assert_error(2, &["cannot read `missing`"]);
}

#[test]
fn case_can_expect_an_invalid_file() {
    let bad = CLUSTER.replace("methods", "method");
    let case = |more: &str| {
        format!("manifests: []\ncases:\n- {{name: n, load: bad/p.yaml, expect: invalid{more}}}\n")
    };
    let run = |text: &str| {
        let files = [("t/one.cases.yaml", text.as_bytes()), ("t/bad/p.yaml", bad.as_bytes())];
        Folder::new(&files).run("test t")
    };
    run(&case("")).assert_error(0, &[]);
    run(&case(", reason: unknown field `method`")).assert_error(0, &[]);
    let ran = run(&case(", reason: something else"));
    assert!(
        ran.code == 1 && ran.out.contains("reason: expected an error with `something else`"),
        "{}",
        ran.out
    );
    let ran = run(&case("").replace("invalid", "valid"));
    assert!(ran.code == 1 && ran.out.contains("load: expected valid, got"), "{}", ran.out);
}

#[test]
fn invalid_file_does_not_hide_other_results() {
    let files = [
        ("t/all.yaml", CLUSTER.as_bytes()),
        ("t/one.cases.yaml", CASES.as_bytes()),
        ("t/two.cases.yaml", b"cases: 1".as_slice()),
    ];
    let ran = Folder::new(&files).run("test t");
    ran.assert_error(2, &["two.cases.yaml:1:8"]);
    assert!(ran.out.contains("2 passed, 0 failed"), "{}", ran.out);
}

#[test]
fn closed_pipe_is_not_a_failure() {
    let folder = folder(CASES);
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["test", "--output", "json"])
        .arg(folder.path("t"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
