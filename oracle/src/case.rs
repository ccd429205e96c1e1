//! Case files that reproduce a disagreement with `palisade test`.

use crate::{policy::WAYPOINT, sample::Sample};
use serde_json::{Value, json};

/// The text of a manifest file and of a case file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CaseFile {
    pub(crate) manifests: String,
    pub(crate) cases: String,
}

impl CaseFile {
    /// Returns `objects` as YAML documents and `cases` as a YAML list. Each is one line of JSON, which is valid YAML.
    pub(crate) fn new<'v>(
        objects: impl IntoIterator<Item = &'v Value>,
        cases: impl IntoIterator<Item = &'v Value>,
    ) -> Self {
        // JSON allows this character unescaped, YAML does not.
        let text = |value: &Value| value.to_string().replace('\u{7f}', "\\u007f");
        let objects: Vec<String> = objects.into_iter().map(|object| text(object) + "\n").collect();
        let cases: String = cases.into_iter().map(|case| format!("- {}\n", text(case))).collect();
        Self { manifests: objects.join("---\n"), cases: format!("cases:\n{cases}") }
    }

    /// Returns a case that sends `sample` to the waypoint and expects the `status` of Envoy.
    pub(crate) fn of_sample(policies: &[Value], sample: &Sample, port: u16, status: u16) -> Self {
        let waypoint = json!({
            "apiVersion": "v1", "kind": "Pod", "status": {"podIP": "127.0.0.1"},
            "metadata": {"name": WAYPOINT, "namespace": "foo", "labels": {
                "gateway.networking.k8s.io/gateway-name": WAYPOINT,
                "gateway.networking.k8s.io/gateway-class-name": "istio-waypoint",
            }},
        });
        let mut case = sample.case();
        case["name"] = json!("status from Envoy");
        case["to"] = json!({"gateway": format!("foo/{WAYPOINT}"), "port": port});
        case["expect"] = json!(match status {
            200 => "allow",
            403 => "deny",
            _ => "reject",
        });
        Self::new(policies.iter().chain([&waypoint]), [&case])
    }
}

impl Sample {
    /// Returns the sample as a case without destination and expected verdict.
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
