//! A disagreement as a case file: what `palisade test` runs.

use crate::{policy::WAYPOINT, request::Attempt};
use serde_json::{Value, json};

/// Manifests and cases, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaseFile {
    pub(crate) manifests: String,
    pub(crate) cases: String,
}

impl CaseFile {
    /// Objects, a document each, and cases, a line each: JSON is YAML.
    pub(crate) fn new<'v>(
        objects: impl IntoIterator<Item = &'v Value>,
        cases: impl IntoIterator<Item = &'v Value>,
    ) -> Self {
        // The one character that JSON takes as it is and YAML does not.
        let text = |value: &Value| value.to_string().replace('\u{7f}', "\\u007f");
        let objects: Vec<String> = objects.into_iter().map(|object| text(object) + "\n").collect();
        let cases: String = cases.into_iter().map(|case| format!("- {}\n", text(case))).collect();
        Self { manifests: objects.join("---\n"), cases: format!("cases:\n{cases}") }
    }

    /// An attempt at the waypoint, and what Envoy answers.
    pub(crate) fn of_attempt(policies: &[Value], attempt: &Attempt, port: u16, status: u16) -> Self {
        let waypoint = json!({
            "apiVersion": "v1", "kind": "Pod", "status": {"podIP": "127.0.0.1"},
            "metadata": {"name": WAYPOINT, "namespace": "foo", "labels": {
                "gateway.networking.k8s.io/gateway-name": WAYPOINT,
                "gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
            }},
        });
        let mut case = attempt.case();
        case["name"] = json!("Envoy's own answer");
        case["to"] = json!({"gateway": format!("foo/{WAYPOINT}"), "port": port});
        case["expect"] = json!(match status {
            200 => "allow",
            403 => "deny",
            _ => "reject",
        });
        Self::new(policies.iter().chain([&waypoint]), [&case])
    }
}

impl Attempt {
    /// The attempt as a case, without destination and outcome.
    pub(crate) fn case(&self) -> Value {
        let mut headers = serde_json::Map::new();
        for (name, value) in &self.headers {
            let lines = headers.entry(name.clone()).or_insert_with(|| json!([]));
            if let Some(lines) = lines.as_array_mut() {
                lines.push(json!(value));
            }
        }
        let mut case = json!({
            "from": {"ip": "127.0.0.1"},
            "http": {
                "version": if self.http2 { "2" } else { "1.1" },
                "method": self.method, "target": self.target, "host": self.host, "headers": headers,
            },
        });
        if let Some(identity) = &self.identity {
            case["from"]["principal"] = json!(identity);
        }
        if let Some(claims) = &self.claims {
            case["jwt"] = json!({"claims": claims});
        }
        // Case files have no dynamic metadata.
        if let Some(metadata) = &self.metadata {
            case["name"] = json!(format!("with metadata {metadata}"));
        }
        case
    }
}

impl std::fmt::Display for CaseFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "# manifests.yaml\n{}\n# found.cases.yaml\n{}", self.manifests, self.cases)
    }
}
