//! `palisade check`.

use crate::folder::Folder;
use serde_json::Value;

const CLUSTER: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: sleep, namespace: foo, labels: {app: sleep}}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: sample, namespace: foo, labels: {app: sample}}
spec: {containers: [{name: c, ports: [{containerPort: 8000}]}]}
status: {podIP: 10.0.0.2}
---
apiVersion: v1
kind: Service
metadata: {name: sample, namespace: foo}
spec: {selector: {app: sample}, ports: [{name: http, port: 80, targetPort: 8000}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: s, namespace: foo}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get, namespace: foo}
spec: {selector: {matchLabels: {app: sample}}, rules: [{to: [{operation: {methods: [GET]}}]}]}
";

fn folder() -> Folder {
    Folder::new(&[("m/all.yaml", CLUSTER.as_bytes()), ("m/x.cases.yaml", b"cases: 1")])
}

#[test]
fn exit_code_is_the_verdict() {
    let folder = folder();
    let ran = folder.run("check -f m --from foo/sleep --to pod:foo/sample:8000 --method GET");
    ran.assert_error(0, &["note: no layer reads these kinds: Role (1)"]);
    assert!(ran.out.starts_with("ALLOW, by AuthorizationPolicy/foo/get#0\n"), "{}", ran.out);
    let ran = folder.run("check -f m --from foo/sleep --to pod:foo/sample:8000 --method POST");
    ran.assert_error(1, &[]);
    assert!(ran.out.starts_with("DENY with status 403, by authorization-policy (no ALLOW rule matched)\n"));
    assert!(ran.out.contains(
        "AuthorizationPolicy/foo/get#0  <- nearest miss\n    to[0].operation.methods: required GET, actual POST"
    ));
}

#[test]
fn name_of_pod_and_service_is_the_pod_with_a_note() {
    let folder = folder();
    let ran = folder.run("check -f m --from foo/sleep --to foo/sample --method GET");
    ran.assert_error(0, &["`foo/sample` is a pod and a Service; the pod is used"]);
    folder.run("check -f m --from foo/sleep --to service:foo/sample --method GET").assert_error(0, &[]);
}

#[test]
fn json_output_has_the_documented_fields() {
    let ran = folder().run("check -f m --from foo/sleep --to pod:foo/sample:8000 --path /x --output json");
    ran.assert_error(0, &[]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(answer["verdict"], "allow");
    assert_eq!(answer["decidedBy"]["kind"], "AuthorizationPolicy");
    assert_eq!(answer["decidedBy"]["rule"], 0);
    let layers: Vec<_> =
        answer["layers"].as_array().unwrap().iter().map(|l| l["layer"].as_str().unwrap()).collect();
    assert_eq!(layers, ["cilium-egress", "cilium-ingress", "peer-authentication", "authorization-policy"]);
    assert_eq!(answer["layers"][0]["outcome"], "not-selected");
    assert_eq!(answer["profile"], "compat");
    assert!(!ran.out.contains("passed"));
}

#[test]
fn nearest_miss_is_shown_with_file_line_and_value() {
    let folder = folder();
    let ran = folder.run("check -f m --from foo/sleep --to pod:foo/sample:8000 --method POST");
    ran.assert_output(1, &["note: the nearest miss", "--> m/all.yaml:29:", "methods: [GET]", "required"]);
    let ran = folder.run("check -f m --from foo/sleep --to pod:foo/sample:8000 --method POST --output json");
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let miss = &answer["positions"]["nearestMiss"];
    assert_eq!(miss["file"], "m/all.yaml");
    assert_eq!(miss["path"], "spec.rules[0]");
    assert_eq!(miss["line"], 29);
    assert_eq!(miss["fields"][0]["path"], "spec.rules[0].to[0].operation.methods");
    assert_eq!(answer["positions"]["decidedBy"], Value::Null);
}

#[test]
fn deciding_rule_is_shown_with_standard_input_as_its_file() {
    let arguments =
        ["check", "-f", "-", "--from", "foo/sleep", "--to", "pod:foo/sample:8000", "--method", "GET"];
    let ran = Folder::new(&[]).run_with(&arguments, CLUSTER.as_bytes());
    ran.assert_output(0, &["note: the deciding rule", "--> standard input:29:", "matched"]);
}

#[test]
fn manifests_can_be_read_from_standard_input() {
    let arguments = ["check", "-f", "-", "--from", "foo/sleep", "--to", "foo/sample", "--method", "GET"];
    Folder::new(&[]).run_with(&arguments, CLUSTER.as_bytes()).assert_error(0, &[]);
}

#[test]
fn unknown_endpoint_is_error_with_suggestion() {
    let folder = folder();
    for (arguments, parts) in [
        ("--from foo/slep --to foo/sample", ["no pod of that name", "foo/sleep"]),
        ("--from foo/sleep --to foo/sampel:80", ["no pod and no Service", "foo/sample"]),
        (
            "--from foo/sleep --to www.google.com",
            ["missing port in `--to www.google.com`", "www.google.com:PORT"],
        ),
        ("--from foo/sleep --to foo/sample:http", ["invalid port `http`", "a number"]),
        ("--from sleep --to foo/sample", ["invalid `--from sleep`", "namespace/name"]),
        ("--from entity:moon --to foo/sample", ["unknown entity `moon`", "kube-apiserver"]),
        ("--from foo/sleep --to foo/sample --protocol tcp", ["unknown protocol `tcp`", "in capitals"]),
        ("--from foo/sleep --to foo/sample --header x", ["missing colon", "x-user"]),
        ("--from foo/sleep --to foo/sample --jwt []", ["not a JSON object", "claims as JSON"]),
        ("--from foo/sleep --to foo/sample --dns x", ["invalid `--dns x`", "=192.0.2.1"]),
        ("--from foo/sleep --to foo/sample --option moon=1", ["unknown option `moon`", "case files"]),
        (
            "--from foo/sleep --to foo/sample --option ciliumVersion=9",
            ["`--option ciliumVersion=9`: unknown Cilium version `9`", "supported: 1.17 to 1.20"],
        ),
        (
            "--from foo/sleep --to foo/sample --option envoyVersion=banana",
            ["`--option envoyVersion=banana`: unknown Envoy version `banana`", "supported: 1.36 to 1.40"],
        ),
        (
            "--from foo/sleep --to foo/sample --option istioVersion=0.1",
            ["`--option istioVersion=0.1`: unknown Istio version `0.1`", "supported: 1.31"],
        ),
    ] {
        folder.run(&format!("check -f m {arguments}")).assert_error(2, &parts);
    }
}

#[test]
fn options_accept_text_lists_and_booleans() {
    let folder = folder();
    let options = "--option ciliumVersion=1.19 --option cidrMatch=nodes --option ipv6=true --profile strict";
    let ran = folder
        .run(&format!("check -f m --from foo/sleep --to foo/sample --method GET --output json {options}"));
    assert!(
        ran.out.contains("\"cilium\": \"1.19\"") && ran.out.contains("\"profile\": \"strict\""),
        "{}",
        ran.err
    );
}

#[test]
fn help_and_completions_are_printed() {
    let folder = Folder::new(&[]);
    for command in ["--help", "check --help", "test --help", "lint --help", "completions --help"] {
        folder.run(command).assert_error(0, &[]);
    }
    assert!(folder.run("completions bash").out.contains("palisade"));
    folder.run("moon").assert_error(2, &["unrecognized subcommand"]);
}
