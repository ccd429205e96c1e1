//! One Envoy with many policies: a header selects the route, and each route has its own RBAC rules.

use crate::{
    policy::WAYPOINT,
    sample::{Expected, Sample},
};
use anyhow::Result;
use palisade::{
    Cluster, Options, PolicySet, Severity, Workload,
    export::{Chain, envoy_rbac},
    lint,
    resource::Resources,
};
use palisade_envoy::{
    client::{Client, Connection, Reply},
    config::{Bootstrap, Http, Listener, Transport},
    http2::{Http2, StreamRequest, StreamResponse},
    process::Envoy,
};
use serde_json::{Map, Value, json};
use std::{io::Write, net::TcpListener};

/// HTTP/1 connections, each with one request at a time.
const CONNECTIONS: usize = 128;

/// Concurrent requests on one HTTP/2 connection.
const STREAMS: usize = 100;

/// The policies of one route, compiled and as Envoy configuration.
#[derive(Debug)]
pub(crate) struct PolicyUnderTest {
    pub(crate) policies: Vec<Value>,
    pub(crate) set: PolicySet,
    per_route: Value,
    /// Whether some policies have effects that no status shows: dry run or AUDIT.
    has_hidden_effects: bool,
    dry_run_allow: bool,
}

/// Envoy's response to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observed {
    /// The status, or 0 if the connection or stream ended without one.
    pub(crate) status: u16,
    /// The metadata of the filters, in the format [`METADATA`].
    pub(crate) metadata: Option<String>,
}

/// Returns a port of loopback that no socket uses at present.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl PolicyUnderTest {
    /// Compiles `policies`, or returns `None` if validation rejects them.
    pub(crate) fn new(policies: Vec<Value>) -> Option<Self> {
        let mut resources = Resources::default();
        for policy in &policies {
            resources.add(policy.clone(), Default::default()).ok()?;
        }
        let options = Options::default();
        let (cluster, _) = Cluster::new(resources);
        if lint::check(&cluster, &options).iter().any(|f| f.severity == Severity::Error) {
            return None;
        }
        let labels = [
            ("gateway.networking.k8s.io/gateway-name", WAYPOINT),
            ("gateway.networking.k8s.io/gateway-class-name", "istio-waypoint"),
        ];
        let workload = Workload::new("foo", labels, "wp");
        let set = PolicySet::compile(&cluster, &workload, &options);
        let mut per_route = Map::new();
        let mut custom = 0;
        for filter in envoy_rbac(&cluster, &workload, Chain::Http, &options) {
            if filter["name"] != "envoy.filters.http.rbac" {
                continue;
            }
            let mut rbac = filter["typedConfig"].clone();
            let rules = [&rbac["rules"], &rbac["shadowRules"]].into_iter().find(|rules| !rules.is_null())?;
            let name = if rbac.to_string().contains("istio-ext-authz-") {
                custom += 1;
                STEPS.get(custom - 1)?
            } else {
                rules["action"].as_str().unwrap_or("ALLOW")
            };
            let name = name.to_owned();
            rbac.as_object_mut()?.remove("@type");
            let kind = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute";
            per_route.insert(name, json!({"@type": kind, "rbac": rbac}));
        }
        let text = Value::from(per_route.clone()).to_string();
        let has_hidden_effects = text.contains("shadowRules\"") || text.contains("\"LOG\"");
        let dry_run_allow = per_route.get("ALLOW").is_some_and(|f| f["rbac"]["shadowRules"].is_object());
        Some(Self { policies, set, per_route: per_route.into(), has_hidden_effects, dry_run_allow })
    }

    /// Whether Envoy's response is the one that the engine expects.
    pub(crate) fn agrees(&self, expected: &Expected, observed: &Observed) -> bool {
        // Over HTTP/2, Envoy may reset the stream of a malformed request without a response.
        let refused = !matches!(expected.status, 200 | 403);
        if observed.status != expected.status && !(refused && observed.status == 0) {
            return false;
        }
        let metadata = observed.metadata.as_deref().filter(|_| self.has_hidden_effects && !refused);
        let Some(metadata) = metadata else { return true };
        let values: Vec<&str> = metadata.split('|').collect();
        let [custom_rule, deny, allow, audit] = values[..] else { return false };
        let stopped = observed.status == 403;
        // After a denial, the later filters do not run and write no metadata.
        let denies = match (deny, allow) {
            ("denied", _) | (_, "denied") => Some(true),
            ("allowed" | "", "allowed") => Some(false),
            ("allowed", "") if !self.dry_run_allow => Some(false),
            _ if stopped => expected.shadow_denies,
            _ => None,
        };
        custom_rule.starts_with("istio-ext-authz-") == expected.needs_provider
            && denies == expected.shadow_denies
            && (stopped || (audit == "true") == expected.is_audited)
    }
}

/// The RBAC filters of the chain, in order.
const STEPS: [&str; 5] = ["CUSTOM", "CUSTOM-2", "LOG", "DENY", "ALLOW"];

/// The metadata of effects that no status shows: the matching CUSTOM rule, the results of dry-run policies, AUDIT.
const METADATA: &str = "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_ext_authz_shadow_effective_policy_id)%|\
    %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)%|\
    %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_allow_shadow_engine_result)%|\
    %DYNAMIC_METADATA(envoy.common:access_log_hint)%";

/// An Envoy with a route for each policy under test.
#[derive(Debug)]
pub(crate) struct MultiplexedEnvoy {
    _envoy: Envoy,
    client: Client,
}

impl MultiplexedEnvoy {
    pub(crate) fn start(subjects: &[&PolicyUnderTest], port: u16) -> Result<Self> {
        let mut listener = Listener::http("oracle", Transport::Plaintext, http(subjects));
        listener.port = port;
        let envoy = Envoy::start(&Bootstrap::new(vec![listener]))?;
        let client = Client::plaintext(envoy.port("oracle")?);
        Ok(Self { _envoy: envoy, client })
    }

    /// Sends each sample to the route with its number and returns the responses in order.
    pub(crate) fn send(&self, samples: &[(usize, &Sample)]) -> Result<Vec<Observed>> {
        let mut observed = vec![Observed::default(); samples.len()];
        let (newer, older): (Vec<usize>, Vec<usize>) = (0..samples.len()).partition(|n| samples[*n].1.http2);
        for batch in newer.chunks(STREAMS) {
            let streams: Vec<StreamRequest> =
                batch.iter().map(|n| samples[*n].1.to_http2(samples[*n].0).into()).collect();
            let answers = Http2::new(self.client.connect()?)?.exchange(&streams)?;
            for ((n, sent), answer) in batch.iter().zip(streams).zip(answers) {
                let mut status = answer.status();
                // A malformed request may end the connection of all.
                if status == 0 {
                    let alone = Http2::new(self.client.connect()?)?.exchange(&[sent])?;
                    status = alone.first().map(StreamResponse::status).unwrap_or_default();
                }
                observed[*n].status = status;
            }
        }
        let wires: Vec<Vec<u8>> = older.iter().map(|n| samples[*n].1.to_http1(samples[*n].0)).collect();
        for (n, answer) in older.iter().zip(self.send_http1(&wires)?) {
            observed[*n] = answer;
        }
        Ok(observed)
    }

    /// Sends `requests` over connections with one request at a time: Envoy closes a connection after the second pipelined
    /// request that it answers itself.
    fn send_http1(&self, requests: &[Vec<u8>]) -> Result<Vec<Observed>> {
        let mut connections = Vec::new();
        for _ in 0..requests.len().min(CONNECTIONS) {
            connections.push(self.client.connect()?);
        }
        let mut all = Vec::with_capacity(requests.len());
        for batch in requests.chunks(CONNECTIONS) {
            for (request, connection) in batch.iter().zip(&mut connections) {
                // If Envoy has closed the connection, reading the answer fails.
                let _ = connection.write_all(request).and_then(|()| connection.flush());
            }
            for (request, connection) in batch.iter().zip(&mut connections) {
                let (observed, stays_open) = read_answer(connection, request.starts_with(b"HEAD "));
                all.push(observed);
                if !stays_open {
                    *connection = self.client.connect()?;
                }
            }
        }
        Ok(all)
    }

    /// Whether the responses of engine and Envoy to one sample differ.
    pub(crate) fn differs(
        &self,
        subject: &PolicyUnderTest,
        route: usize,
        sample: &Sample,
        port: u16,
    ) -> Result<bool> {
        let observed = self.send(&[(route, sample)])?;
        let expected = sample.decide(&subject.set, port);
        Ok(observed.first().is_none_or(|observed| !subject.agrees(&expected, observed)))
    }
}

/// Reads one answer. Returns it, and whether the connection stays open.
fn read_answer(connection: &mut Connection, to_head: bool) -> (Observed, bool) {
    let Ok(Reply::Response(response)) = connection.read_reply(to_head) else {
        return (Observed::default(), false);
    };
    let metadata = response.header("x-observed").map(str::to_owned);
    let stays_open = response.header("connection") != Some("close");
    (Observed { status: response.status, metadata }, stays_open)
}

fn http(subjects: &[&PolicyUnderTest]) -> Http {
    let route = |subject: &PolicyUnderTest| {
        json!({"action": {"name": "route", "typed_config": {
            "@type": "type.googleapis.com/envoy.config.route.v3.Route",
            "match": {"prefix": "/"},
            "direct_response": {"status": 200},
            "typed_per_filter_config": subject.per_route,
        }}})
    };
    let map: Map<String, Value> =
        subjects.iter().enumerate().map(|(number, s)| (number.to_string(), route(s))).collect();
    let rbac = |name: &str| {
        json!({"name": name, "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
        }})
    };
    let from_header = |header: &str, namespace: &str, key: &str| {
        json!({"header": header, "remove": true, "on_header_present": {
            "metadata_namespace": namespace, "key": key, "type": "PROTOBUF_VALUE", "encode": "BASE64",
        }})
    };
    let metadata = json!({"name": "envoy.filters.http.header_to_metadata", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config",
        "request_rules": [
            from_header("x-payload", "envoy.filters.http.jwt_authn", "payload"),
            from_header("x-metadata", "envoy.filters.m", "k"),
        ],
    }});
    let identity = json!({"name": "envoy.filters.http.set_filter_state", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
        "on_request_headers": [{
            "object_key": "io.istio.peer_principal",
            "factory_key": "envoy.string",
            "format_string": {
                "text_format_source": {"inline_string": "%REQ(x-identity)%"},
                "omit_empty_values": true,
            },
            "skip_if_empty": true,
        }],
    }});
    let steps = STEPS.iter().map(|step| rbac(step));
    let mut http = Http::with_filters([identity, metadata].into_iter().chain(steps).collect());
    http.extra.insert(
        "http2_protocol_options".into(),
        json!({"override_stream_error_on_invalid_http_message": true}),
    );
    http.extra.insert(
        "local_reply_config".into(),
        json!({"mappers": [{
            "filter": {"header_filter": {"header": {"name": "x-observe", "present_match": true}}},
            "headers_to_add": [{"header": {"key": "x-observed", "value": METADATA}}],
        }]}),
    );
    http.extra.insert(
        "route_config".into(),
        json!({"name": "oracle", "virtual_hosts": [{
            "name": "all", "domains": ["*"],
            "matcher": {"matcher_tree": {
                "input": {"name": "x-policy", "typed_config": {
                    "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": "x-policy",
                }},
                "exact_match_map": {"map": map},
            }},
        }]}),
    );
    http
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(method: &str) -> PolicyUnderTest {
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "a", "namespace": "foo"},
            "spec": {
                "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": WAYPOINT}],
                "rules": [{"to": [{"operation": {"methods": [method]}}]}],
            },
        });
        PolicyUnderTest::new(vec![policy]).unwrap()
    }

    #[test]
    fn wrong_decision_of_envoy_is_a_disagreement() {
        let (get, mut wrong) = (allow("GET"), allow("POST"));
        wrong.per_route = get.per_route.clone();
        let port = free_port().unwrap();
        let envoy = MultiplexedEnvoy::start(&[&get, &wrong], port).unwrap();
        let sample = Sample {
            method: "GET".into(),
            target: "/".into(),
            host: "a".into(),
            headers: Vec::new(),
            identity: None,
            claims: None,
            metadata: None,
            http2: false,
        };
        assert!(!envoy.differs(&get, 0, &sample, port).unwrap());
        assert!(envoy.differs(&wrong, 1, &sample, port).unwrap());
    }
}
