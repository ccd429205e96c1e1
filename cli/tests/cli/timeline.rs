//! `palisade check --answers` and `--timeline`.

use crate::folder::Folder;
use serde_json::{Value, json};

const CLUSTER: &[u8] = br#"
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: foo, labels: {app: a}}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: names, namespace: foo}
spec:
  endpointSelector: {}
  egress:
  - toEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, k8s-app: kube-dns}}]
    toPorts: [{ports: [{port: "53"}], rules: {dns: [{matchPattern: "*.x.io"}]}}]
  - toFQDNs: [{matchPattern: "*.x.io"}]
"#;

const ANSWERS: &[u8] = b"
- wait: 5s
- dns: {query: a.x.io, from: foo/a, answers: [192.0.2.1, 192.0.2.2], ttl: 10}
- wait: 8s
- dns: {query: A.x.io., from: foo/a, answers: [192.0.2.2], ttl: 10}
- dns: {query: a.y.io, from: foo/a, answers: [192.0.2.1], ttl: 1000}
";

fn stretches(folder: &Folder, to: &str, code: i32) -> Vec<Vec<Value>> {
    let ran = folder
        .run(&format!("check -f cluster.yaml --from foo/a --to {to} --timeline --answers a.yaml -o json"));
    ran.assert_error(code, &[]);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let of_one = |t: &Value| {
        let stretches = t["stretches"].as_array().unwrap().iter();
        stretches.map(|s| json!([s["from"], s["until"], s["verdict"]])).collect()
    };
    found["timelines"].as_array().unwrap().iter().map(of_one).collect()
}

#[test]
fn flow_is_allowed_from_the_answer_to_its_expiry() {
    let folder = Folder::new(&[("cluster.yaml", CLUSTER), ("a.yaml", ANSWERS)]);
    let first = [json!([0, 5_000, "deny"]), json!([5_000, 15_001, "allow"]), json!([15_001, null, "deny"])];
    let second = [json!([0, 5_000, "deny"]), json!([5_000, 23_001, "allow"]), json!([23_001, null, "deny"])];
    assert_eq!(stretches(&folder, "192.0.2.1:443", 0), [first.to_vec()]);
    assert_eq!(stretches(&folder, "a.x.io:443", 0), [first.to_vec(), second.to_vec()]);
    assert_eq!(stretches(&folder, "192.0.2.3:443", 1), [[json!([0, null, "deny"])]]);
    let text =
        folder.run("check -f cluster.yaml --from foo/a --to 192.0.2.1:443 --timeline --answers a.yaml");
    text.assert_error(0, &[]);
    assert!(text.out.contains("15.001s  -        deny     cilium-egress"), "{}", text.out);
}

#[test]
fn reason_contains_the_lifetime_of_the_answer() {
    let answer = |wait: u32, ttl: u32| {
        format!("- wait: {wait}s\n- dns: {{query: a.x.io, from: foo/a, answers: [192.0.2.1], ttl: {ttl}}}\n")
    };
    let check = "check -f cluster.yaml --from foo/a --to 192.0.2.1:443 --timeline --answers";
    for (wait, ttl, option, until, reason) in [
        (5, 10, "", "15.001s", "is 192.0.2.1 for 10 s"),
        (
            5,
            0,
            "",
            "60s",
            "is 192.0.2.1 with a time to live of 0 s, which lasts until a collection at least 5 s away",
        ),
        (55, 0, "", "60s", "with a time to live of 0 s"),
        (56, 0, "", "120s", "with a time to live of 0 s"),
        (5, 0, "--option tofqdnsMinTtl=60", "65.001s", "for 60 s (tofqdnsMinTtl; the answer has 0 s)"),
        (5, 10, "--option tofqdnsMinTtl=60", "65.001s", "for 60 s (tofqdnsMinTtl; the answer has 10 s)"),
        (5, 90, "--option tofqdnsMinTtl=60", "95.001s", "is 192.0.2.1 for 90 s"),
    ] {
        let folder = Folder::new(&[("cluster.yaml", CLUSTER), ("a.yaml", answer(wait, ttl).as_bytes())]);
        let ran = folder.run(format!("{check} a.yaml {option}").trim_end());
        ran.assert_error(0, &[]);
        let open = ran.out.lines().find(|line| line.contains("allow")).unwrap();
        let cells: Vec<&str> = open.split_whitespace().collect();
        assert_eq!(cells[..2], [format!("{wait}s").as_str(), until], "{open}");
        assert!(open.contains(reason), "{open}");
    }
}

#[test]
fn answers_precede_a_single_decision() {
    let folder = Folder::new(&[("cluster.yaml", CLUSTER), ("a.yaml", ANSWERS)]);
    folder.run("check -f cluster.yaml --from foo/a --to 192.0.2.2:443 --answers a.yaml").assert_error(0, &[]);
    folder.run("check -f cluster.yaml --from foo/a --to 192.0.2.2:443").assert_error(1, &[]);
}

#[test]
fn invalid_series_is_error() {
    let folder =
        Folder::new(&[("cluster.yaml", CLUSTER), ("a.yaml", b"- sleep: 5s"), ("b.jsonl", b"{}\n{nothing")]);
    let check = "check -f cluster.yaml --from foo/a --to a.x.io:443 --timeline --answers";
    folder.run(&format!("{check} a.yaml")).assert_error(2, &["sleep", "a.yaml", "help:"]);
    folder.run(&format!("{check} b.jsonl")).assert_error(2, &["line 2", "b.jsonl"]);
    folder.run(&format!("{check} none")).assert_error(2, &["cannot read `none`"]);
    folder
        .run("check -f cluster.yaml --from foo/a --to a.x.io:443 --timeline")
        .assert_error(2, &["--answers"]);
    let empty = Folder::new(&[("cluster.yaml", CLUSTER), ("a.yaml", b"- wait: 1s")]);
    empty.run(&format!("{check} a.yaml")).assert_error(2, &["no answer of the series", "`a.x.io`"]);
}
