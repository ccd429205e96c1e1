//! Many policies in one Envoy: a header chooses the route, and each route has rules of its own.

use crate::{
    policy::WAYPOINT,
    request::{Attempt, Foreseen},
};
use anyhow::{Context, Result, ensure};
use palisade::{
    Cluster, Options, PolicySet, Severity, Workload,
    export::{Chain, envoy_rbac},
    lint,
    resource::Resources,
};
use palisade_envoy::{
    client::{Client, Connection},
    config::{Bootstrap, Http, Listener, Transport},
    http2::{Answer, Http2, Sent},
    process::Envoy,
};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
};

/// Connections, each with one request under way.
const CONNECTIONS: usize = 128;

/// Requests under way on one HTTP/2 connection.
const STREAMS: usize = 100;

/// The policies of one route: compiled, and as Envoy is told.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) policies: Vec<Value>,
    pub(crate) set: PolicySet,
    per_route: Value,
    /// Whether there are policies of effects that no status shows.
    observed: bool,
    dry_run_allow: bool,
}

/// What Envoy says of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// 0 where the connection or stream ended without one.
    pub(crate) status: u16,
    /// What the filters wrote down, as [`OBSERVED`] has it.
    pub(crate) notes: Option<String>,
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Subject {
    /// None where validation refuses the policies.
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
        let observed = text.contains("shadowRules\"") || text.contains("\"LOG\"");
        let dry_run_allow = per_route.get("ALLOW").is_some_and(|f| f["rbac"]["shadowRules"].is_object());
        Some(Self { policies, set, per_route: per_route.into(), observed, dry_run_allow })
    }

    /// Whether Envoy did what was foreseen.
    pub(crate) fn agrees(&self, foreseen: &Foreseen, seen: &Seen) -> bool {
        // Over HTTP/2 a malformed request may just have its stream reset.
        let refused = !matches!(foreseen.status, 200 | 403);
        if seen.status != foreseen.status && !(refused && seen.status == 0) {
            return false;
        }
        let Some(notes) = seen.notes.as_deref().filter(|_| self.observed && !refused) else { return true };
        let notes: Vec<&str> = notes.split('|').collect();
        let [asked, deny, allow, audit] = notes[..] else { return false };
        let stopped = seen.status == 403;
        // An enforced step that refuses leaves those behind it out.
        let denies = match (deny, allow) {
            ("denied", _) | (_, "denied") => Some(true),
            ("allowed" | "", "allowed") => Some(false),
            ("allowed", "") if !self.dry_run_allow => Some(false),
            _ if stopped => foreseen.shadow_denies,
            _ => None,
        };
        asked.starts_with("istio-ext-authz-") == foreseen.asked
            && denies == foreseen.shadow_denies
            && (stopped || (audit == "true") == foreseen.audited)
    }
}

/// The RBAC filters of the chain, in order.
const STEPS: [&str; 5] = ["CUSTOM", "CUSTOM-2", "LOG", "DENY", "ALLOW"];

/// What filters write down and no status shows: the CUSTOM rule that asks, the results of dry-run policies, AUDIT.
const OBSERVED: &str = "%DYNAMIC_METADATA(envoy.filters.http.rbac:istio_ext_authz_shadow_effective_policy_id)%|\
    %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_deny_shadow_engine_result)%|\
    %DYNAMIC_METADATA(envoy.filters.http.rbac:istio_dry_run_allow_shadow_engine_result)%|\
    %DYNAMIC_METADATA(envoy.common:access_log_hint)%";

/// An Envoy that enforces every subject.
#[derive(Debug)]
pub(crate) struct Fleet {
    _envoy: Envoy,
    client: Client,
}

impl Fleet {
    pub(crate) fn start(subjects: &[&Subject], port: u16) -> Result<Self> {
        let mut listener = Listener::http("oracle", Transport::Plaintext, http(subjects));
        listener.port = port;
        let envoy = Envoy::start(&Bootstrap::new(vec![listener]))?;
        let client = Client::plaintext(envoy.port("oracle")?);
        Ok(Self { _envoy: envoy, client })
    }

    /// What comes of each attempt, in order.
    pub(crate) fn ask(&self, attempts: &[(usize, &Attempt)]) -> Result<Vec<Seen>> {
        let mut seen = vec![Seen::default(); attempts.len()];
        let (newer, older): (Vec<usize>, Vec<usize>) =
            (0..attempts.len()).partition(|n| attempts[*n].1.http2);
        for batch in newer.chunks(STREAMS) {
            let streams: Vec<Sent> =
                batch.iter().map(|n| attempts[*n].1.fields(attempts[*n].0).into()).collect();
            let answers = Http2::new(self.client.connect()?)?.ask(&streams)?;
            for ((n, sent), answer) in batch.iter().zip(streams).zip(answers) {
                let mut status = answer.status();
                // One malformed request may end the connection for all.
                if status == 0 {
                    let alone = Http2::new(self.client.connect()?)?.ask(&[sent])?;
                    status = alone.first().map(Answer::status).unwrap_or_default();
                }
                seen[*n].status = status;
            }
        }
        let wires: Vec<Vec<u8>> = older.iter().map(|n| attempts[*n].1.wire(attempts[*n].0)).collect();
        for (n, answer) in older.iter().zip(self.ask_http1(&wires)?) {
            seen[*n] = answer;
        }
        Ok(seen)
    }

    /// Envoy closes a connection behind the second of several pipelined requests that it answers itself, so each
    /// has one at a time.
    fn ask_http1(&self, requests: &[Vec<u8>]) -> Result<Vec<Seen>> {
        let open = || Ok::<_, anyhow::Error>(BufReader::new(self.client.connect()?));
        let mut connections = Vec::new();
        for _ in 0..requests.len().min(CONNECTIONS) {
            connections.push(open()?);
        }
        let mut all = Vec::with_capacity(requests.len());
        for batch in requests.chunks(CONNECTIONS) {
            for (request, connection) in batch.iter().zip(&mut connections) {
                // A connection that Envoy closed shows when its answer is read.
                let _ = connection.get_mut().write_all(request).and_then(|()| connection.get_mut().flush());
            }
            for (request, connection) in batch.iter().zip(&mut connections) {
                let (seen, stays) = answer(connection, request.starts_with(b"HEAD ")).unwrap_or_default();
                all.push(seen);
                if !stays {
                    *connection = open()?;
                }
            }
        }
        Ok(all)
    }

    /// One disagreement decided alone.
    pub(crate) fn differs(
        &self,
        subject: &Subject,
        route: usize,
        attempt: &Attempt,
        port: u16,
    ) -> Result<bool> {
        let seen = self.ask(&[(route, attempt)])?;
        let foreseen = attempt.decide(&subject.set, port);
        Ok(seen.first().is_none_or(|seen| !subject.agrees(&foreseen, seen)))
    }
}

/// One answer, and whether the connection stays open.
fn answer(connection: &mut BufReader<Connection>, to_head: bool) -> Result<(Seen, bool)> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
    let mut seen = Seen { status, notes: None };
    let (mut length, mut open) = (0, true);
    loop {
        line.clear();
        ensure!(connection.read_until(b'\n', &mut line)? > 0, "the head ends early");
        if line == b"\r\n" {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let (name, value) = text.trim_end().split_once(':').unwrap_or_default();
        match name {
            "content-length" => length = value.trim().parse().context("content-length")?,
            "connection" => open &= value.trim() != "close",
            "x-observed" => seen.notes = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    if !to_head {
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
    }
    Ok((seen, open))
}

fn http(subjects: &[&Subject]) -> Http {
    let route = |subject: &Subject| {
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
            "headers_to_add": [{"header": {"key": "x-observed", "value": OBSERVED}}],
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

    fn allow(method: &str) -> Subject {
        let policy = json!({
            "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
            "metadata": {"name": "a", "namespace": "foo"},
            "spec": {
                "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": WAYPOINT}],
                "rules": [{"to": [{"operation": {"methods": [method]}}]}],
            },
        });
        Subject::new(vec![policy]).unwrap()
    }

    #[test]
    fn a_wrong_decision_is_seen() {
        let (get, mut wrong) = (allow("GET"), allow("POST"));
        wrong.per_route = get.per_route.clone();
        let port = free_port().unwrap();
        let fleet = Fleet::start(&[&get, &wrong], port).unwrap();
        let attempt = Attempt {
            method: "GET".into(),
            target: "/".into(),
            host: "a".into(),
            headers: Vec::new(),
            identity: None,
            claims: None,
            metadata: None,
            http2: false,
        };
        assert!(!fleet.differs(&get, 0, &attempt, port).unwrap());
        assert!(fleet.differs(&wrong, 1, &attempt, port).unwrap());
    }
}
