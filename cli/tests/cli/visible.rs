//! Hostile text does not reach the terminal: every command prints values with their control characters escaped.

use crate::folder::{Folder, Ran};
use std::{fs, path::Path};

/// A text that sets a colour and the title, rings the bell, reorders and hides text, clears the screen and forges a line.
const HOSTILE: &str = "\u{1b}[31mEVIL\u{1b}]0;pwn\u{7}\u{202e}\u{200b}\u{9b}2J\u{85}\r\nFORGED";
/// The hostile text in a double-quoted YAML or JSON string.
const QUOTED: &str = r"\u001b[31mEVIL\u001b]0;pwn\u0007\u202e\u200b\u009b2J\u0085\r\nFORGED";
/// The hostile text as the name of a file.
const FILE: &str = "\u{1b}[31mEVIL\u{1b}]0;pwn\u{7}\u{202e}\u{200b}\u{9b}2J\r\nFORGED.yaml";

const CLUSTER: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, evil: "HOSTILE"}}
status: {podIP: 10.0.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: "HOSTILE", namespace: shop}
---
apiVersion: example.io/v1
kind: "HOSTILE"
metadata: {name: x}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: "HOSTILE", namespace: shop}
spec:
  endpointSelector: {}
  egress: [{toCIDR: [203.0.113.0/24]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: "HOSTILE", namespace: shop}
spec: {selector: {matchLabels: {app: web}}, rules: [{to: [{operation: {paths: ["/HOSTILE"], hosts: ["HOSTILE"]}}]}]}
"#;

const REFUSED: &str = r#"
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: "HOSTILE", namespace: "HOSTILE"}
spec:
  endpointSelector: {}
  egress: [{toEndpoints: [{matchLabels: {app: "HOSTILE", "HOSTILE": x}}]}, {toFQDNs: [{matchName: "HOSTILE"}]}]
"#;

const CASES: &str = r#"
manifests: [all.yaml]
cases:
- {name: "HOSTILE", from: {workload: shop/web}, to: {ip: 203.0.113.9, port: 443}, expect: deny, by: "HOSTILE"}
- {name: "HOSTILE", from: {workload: "shop/HOSTILE"}, to: {ip: 203.0.113.9, port: 443}, expect: deny}
- {name: "HOSTILE", load: "HOSTILE.yaml", expect: valid, warnings: ["HOSTILE"]}
- {name: "HOSTILE", load: bad.yaml, expect: invalid, reason: "HOSTILE"}
"#;

/// Asserts that every invisible character of `ran` belongs to a style of the command.
fn assert_visible(what: &str, ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains("\u{1b}[31mEVIL"), "{what}: the style of a value is printed: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("FORGED")), "{what}: a forged line: {text:?}");
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("\u{1b}[") {
            assert_plain(what, before);
            let end = after.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(after.len());
            assert_eq!(after.get(end..=end), Some("m"), "{what}: {text:?}");
            rest = after.get(end + 1..).unwrap_or_default();
        }
        assert_plain(what, rest);
    }
}

fn assert_plain(what: &str, text: &str) {
    let hidden = text.chars().find(|c| !palisade::is_visible(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(hidden, None, "{what}: {text:?}");
}

#[test]
fn hostile_values_are_escaped_in_every_command() {
    let text = |text: &str| text.replace("HOSTILE", QUOTED).into_bytes();
    let broken = "kind: \"HOSTILE\"\nmetadata: {name: [\"HOSTILE\"]}\napiVersion: v1\n\"HOSTILE\": {\n";
    let unknown = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: \"HOSTILE\", namespace: \"HOSTILE\"}\nspec: {\"HOSTILE\": 1}\n";
    let folder = Folder::new(&[
        ("all.yaml", &text(CLUSTER)),
        ("x.cases.yaml", &text(CASES)),
        ("bad.yaml", &text(unknown)),
        ("refused.yaml", &text(REFUSED)),
        ("raw/raw.yaml", format!("# {HOSTILE}\nkind: Pod\nmetadata: {{name: 1}} # {HOSTILE}\n").as_bytes()),
        (&format!("files/{FILE}"), &text(broken)),
        (&format!("lint/{FILE}"), &text(unknown)),
        (
            "answers.yaml",
            &text("- dns: {query: \"HOSTILE\", from: \"HOSTILE\", answers: [203.0.113.9], ttl: 9}\n"),
        ),
        (
            "good.yaml",
            &text(
                "- dns: {query: \"a.HOSTILE\", from: shop/web, answers: [203.0.113.9], ttl: 9, learned: true}\n",
            ),
        ),
        ("bad-answers.jsonl", &text("{\"wait\": \"HOSTILE\"}\n")),
        ("names.jsonl", &text("{\"pattern\": \"HOSTILE\"}\n")),
    ]);
    let evil = |before: &str| format!("{before}{HOSTILE}");
    let check = ["check", "-f", "all.yaml", "--from", "shop/web", "--to"];
    let with =
        |more: &[&str]| [&check[..], more].concat().iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let own = |arguments: &[&str]| arguments.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let mut runs = vec![
        with(&["203.0.113.9:443"]),
        with(&["203.0.113.9:443", "-o", "json"]),
        with(&["203.0.113.9:443", "--path", &evil("/")]),
        with(&["203.0.113.9:443", "--path", &evil("/"), "-o", "json"]),
        with(&["shop/web:80", "--path", &evil("/"), "--host", HOSTILE, "--header", &evil("x: ")]),
        with(&["shop/web:80", "--header", HOSTILE]),
        with(&["shop/web:80", "--jwt", HOSTILE]),
        with(&["shop/web:80", "--ext-authz", HOSTILE]),
        with(&["shop/web:80", "--dns", HOSTILE]),
        with(&["shop/web:80", "--protocol", HOSTILE]),
        with(&["shop/web:80", "--option", HOSTILE]),
        with(&["shop/web:80", "--option", &evil("ciliumVersion=")]),
        with(&["shop/web:80", "--profile", HOSTILE]),
        with(&["shop/web:80", "--remote-ip", HOSTILE]),
        with(&["shop/web:80", "--answers", HOSTILE]),
        with(&["203.0.113.9:443", "--answers", "answers.yaml"]),
        with(&["203.0.113.9:443", "--answers", "bad-answers.jsonl"]),
        with(&["203.0.113.9:443", "--answers", "good.yaml", "--timeline"]),
        with(&["203.0.113.9:443", "--answers", "good.yaml", "--timeline", "-o", "json"]),
        with(&[&format!("a.{HOSTILE}:443"), "--answers", "good.yaml", "--timeline"]),
        with(&[HOSTILE]),
        with(&[&evil("shop/")]),
        with(&[&evil("entity:")]),
        with(&[&format!("{HOSTILE}.io:443")]),
        with(&[&format!("a.io:{HOSTILE}")]),
        with(&["shop/web:53", "--query", HOSTILE]),
        own(&["check", "-f", "all.yaml", "--from", HOSTILE, "--to", "shop/web:80"]),
        own(&["check", "-f", "all.yaml", "--from", &evil("shop/"), "--to", "shop/web:80"]),
        own(&["check", "-f", HOSTILE, "--from", "a/b", "--to", "a/c:1"]),
        own(&["fqdn", "*.io", HOSTILE]),
        own(&["fqdn", "*.io", HOSTILE, "-o", "json"]),
        own(&["fqdn", HOSTILE, "a.io"]),
        own(&["fqdn", "--json-lines"]),
        own(&["export", "envoy-rbac", "-f", "all.yaml", "--workload", "shop/web"]),
        own(&["export", "envoy-rbac", "-f", "all.yaml", "--workload", HOSTILE]),
        own(&["export", HOSTILE]),
        own(&["bundle", "-f", "all.yaml", "--workload", "shop/web"]),
        own(&[
            "bundle",
            "-f",
            "all.yaml",
            "--workload",
            "shop/web",
            "--module",
            HOSTILE,
            "--format",
            "istio-wasm-plugin",
        ]),
        own(&["bundle", "-f", "all.yaml", "--workload", HOSTILE]),
        own(&["dns-proxy", "-f", "all.yaml", "--pod", HOSTILE, "--upstream", "127.0.0.1:1"]),
        own(&["dns-proxy", "-f", "all.yaml", "--pod", "shop/web", "--upstream", HOSTILE]),
        own(&["completions", HOSTILE]),
        own(&[HOSTILE]),
        own(&[&evil("--")]),
        own(&["lint", &evil("--")]),
        own(&["test", HOSTILE]),
    ];
    for path in ["all.yaml", "bad.yaml", "refused.yaml", "raw", "files", "lint"] {
        for format in ["text", "json"] {
            runs.push(own(&["lint", "-f", path, "-o", format]));
        }
    }
    for format in ["text", "json", "junit"] {
        runs.push(own(&["test", "x.cases.yaml", "--output", format]));
    }
    let input = fs::read(folder.path("names.jsonl")).unwrap();
    for arguments in runs {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = folder.run_on_terminal(&arguments, &input);
        let what = arguments.join(" ").escape_debug().to_string();
        assert!(!(ran.out.clone() + &ran.err).is_empty(), "{what} prints nothing");
        assert_visible(&what, &ran);
    }
}

#[test]
fn json_escapes_keep_the_value() {
    let folder = Folder::new(&[("all.yaml", CLUSTER.replace("HOSTILE", QUOTED).as_bytes())]);
    let ran = folder.run("check -f all.yaml --from shop/web --to 203.0.113.9:443 -o json");
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["decidedBy"]["name"], HOSTILE);
    let ran = folder.run("check -f all.yaml --from shop/web --to 203.0.113.9:443");
    assert!(
        ran.out.contains(r"\u{1b}[31mEVIL\u{1b}]0;pwn\u{7}\u{202e}\u{200b}\u{9b}2J\u{85}\r\nFORGED"),
        "{}",
        ran.out
    );
}

#[test]
fn only_the_text_module_writes_to_the_streams() {
    fn walk(folder: &Path, wrong: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, wrong);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let writes = ["anstream::", "stdout()", "println!", "print!(", "write_all", "eprintln!"];
            let found = writes.iter().filter(|part| text.contains(**part));
            if !path.ends_with("show/text.rs") {
                wrong.extend(found.map(|part| format!("{}: {part}", path.display())));
            }
        }
    }
    let mut wrong = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut wrong);
    assert!(wrong.is_empty(), "{wrong:#?}");
}
