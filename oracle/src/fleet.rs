//! Many policies in one Envoy: a header chooses the route, and each route has rules of its own.

use crate::{policy::WAYPOINT, request::Attempt};
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
    process::Envoy,
};
use serde_json::{Map, Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
};

/// Connections, each with one request under way.
const CONNECTIONS: usize = 128;

/// The policies of one route: compiled, and as Envoy is told.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) policies: Vec<Value>,
    pub(crate) set: PolicySet,
    per_route: Value,
}

/// A port that is free now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

impl Subject {
    /// None where validation refuses the policies.
    pub(crate) fn new(policies: Vec<Value>) -> Option<Self> {
        let mut resources = Resources::default();
        resources.mesh.trust_domain = "td1".into();
        resources.mesh.trust_domain_aliases = vec!["old".into(), "new-td".into()];
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
        for filter in envoy_rbac(&cluster, &workload, Chain::Http, &options) {
            let mut rbac = filter["typedConfig"].clone();
            let name = rbac["rules"]["action"].as_str().unwrap_or("ALLOW").to_owned();
            rbac.as_object_mut()?.remove("@type");
            let kind = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute";
            per_route.insert(name, json!({"@type": kind, "rbac": rbac}));
        }
        Some(Self { policies, set, per_route: per_route.into() })
    }
}

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

    /// The status of each request, in order; 0 where the connection ended without one. Envoy closes a connection
    /// behind the second of several pipelined requests that it answers itself, so each has one at a time.
    pub(crate) fn ask(&self, requests: &[Vec<u8>]) -> Result<Vec<u16>> {
        let open = || Ok::<_, anyhow::Error>(BufReader::new(self.client.connect()?));
        let mut connections = Vec::new();
        for _ in 0..requests.len().min(CONNECTIONS) {
            connections.push(open()?);
        }
        let mut statuses = Vec::with_capacity(requests.len());
        for batch in requests.chunks(CONNECTIONS) {
            for (request, connection) in batch.iter().zip(&mut connections) {
                // A connection that Envoy closed shows when its answer is read.
                let _ = connection.get_mut().write_all(request).and_then(|()| connection.get_mut().flush());
            }
            for (request, connection) in batch.iter().zip(&mut connections) {
                let (status, stays) = status(connection, request.starts_with(b"HEAD ")).unwrap_or((0, false));
                statuses.push(status);
                if !stays {
                    *connection = open()?;
                }
            }
        }
        Ok(statuses)
    }

    /// One disagreement decided alone.
    pub(crate) fn differs(
        &self,
        subject: &Subject,
        route: usize,
        attempt: &Attempt,
        port: u16,
    ) -> Result<bool> {
        let seen = self.ask(&[attempt.wire(route)])?;
        Ok(seen.first() != Some(&attempt.decide(&subject.set, port)))
    }
}

/// The status of one answer, and whether the connection stays open.
fn status(connection: &mut BufReader<Connection>, to_head: bool) -> Result<(u16, bool)> {
    let mut line = Vec::new();
    connection.read_until(b'\n', &mut line)?;
    let text = String::from_utf8_lossy(&line);
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no status")?;
    let (mut length, mut open) = (0, true);
    loop {
        line.clear();
        ensure!(connection.read_until(b'\n', &mut line)? > 0, "the head ends early");
        if line == b"\r\n" {
            break;
        }
        let text = String::from_utf8_lossy(&line).to_ascii_lowercase();
        if let Some(value) = text.strip_prefix("content-length:") {
            length = value.trim().parse().context("content-length")?;
        }
        open &= text.trim_end() != "connection: close";
    }
    if !to_head {
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
    }
    Ok((status, open))
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
    let mut http = Http::with_filters(vec![identity, metadata, rbac("DENY"), rbac("ALLOW")]);
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
        };
        assert!(!fleet.differs(&get, 0, &attempt, port).unwrap());
        assert!(fleet.differs(&wrong, 1, &attempt, port).unwrap());
    }
}
