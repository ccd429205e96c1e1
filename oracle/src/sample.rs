//! Random requests that satisfy a rule, or all but one attribute of a rule.

use crate::{policy::PATHS, protobuf};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use palisade::{
    Outcome, PolicySet, Request, RuleTrace, Verdict,
    http::{Downstream, ForwardClientCertificate, HttpRequest, HttpVersion, Proxy, admit},
    ir::Section,
};
use palisade_envoy::http2::Fields;
use palisade_test_support::Random;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

/// A request with the identity, the claims and the metadata of its connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) identity: Option<String>,
    pub(crate) claims: Option<Value>,
    pub(crate) metadata: Option<Value>,
    pub(crate) http2: bool,
}

const HEADERS: &[&str] = &["x-a", "x-b", "x-c", "user-agent", "accept", "cookie", "x-forwarded-for"];
const TEXTS: &[&str] = &["a", "b", "ab", "ba", "", "A", "a,b", "a*", "*", "aa", "xa", "a b"];
const ADDRESSES: &[&str] =
    &["1.2.3.4", "1.2.9.9", "2001:db8::1", "1.2.3.4, 9.9.9.9", "9.9.9.9, 1.2.3.4", "x", "1.2.3.5"];
const TARGETS: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/a/b",
    "/a/b/",
    "/a/x/b",
    "/A",
    "/a?x=/a/b",
    "/a/../a",
    "/a%20b",
    "/a|b",
    "/b",
    "//a",
    "/a//b",
    "/a/%2e%2e/b",
    "/a*b",
    "/x/b",
    "/a/[x]",
    "/a%7Cb",
    "/a/x/c/y",
    "/a%2Fb",
    "/a;b",
    "/a/x/y",
    "/%61",
    "/..;/a",
    "/a#f",
    "/a/b;p=1/..",
    "http://b/a",
    "/o%C3%a9",
];
const HOSTS: &[&str] = &["a.com", "A.COM", "a.com:80", "b.a.com", "b", "a.x", "[::1]", "x.com", "a*m", "a_b"];
const METHODS: &[&str] = &["GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "OPTIONS", "MSEARCH"];

/// Values that a codec may reject; the other lists contain none of them.
const ODD_METHODS: &[&str] = &["get", "FOO", "G T", "CONNECTED"];
const ODD_HOSTS: &[&str] = &["a b", "u@a.com", "", "a/b", "a,b", "\u{e9}.com"];
const ODD_TARGETS: &[&str] = &["/\u{e9}", "/%00", "*", "a", "/a\u{7f}", "/a b", "/a\tb"];
const IDENTITIES: &[&str] = &[
    "spiffe://td1/ns/a/sa/b",
    "spiffe://old/ns/a/sa/b",
    "spiffe://cluster.local/ns/a/sa/b",
    "spiffe://td9/ns/a/sa/b",
    "spiffe://td1/ns/a.b/sa/c",
    "spiffe://td1/ns/axb/sa/c",
    "spiffe://td1/k/ns/a/v/sa/b/x",
    "spiffe://td1/ns/a/sa/bb",
    "spiffe://td1/ns/b/sa/b",
    "x/ns/a/y",
    "spiffe://td1/ns/a",
    "spiffe://new-td/ns/a/sa/b",
    "spiffe://td1/ns/foo/sa/b",
    "spiffe://td1/ns/abcd/sa/c",
    "spiffe:///ns/a/sa/b",
    "spiffe://td1/ns/ns/a/sa/sa/b",
];

/// Returns a text that the value `value` of a policy matches.
fn witness(value: &str) -> String {
    match (value, value.strip_prefix('*'), value.strip_suffix('*')) {
        ("*", ..) => "a".into(),
        (_, Some(suffix), _) => format!("x{suffix}"),
        (_, None, Some(prefix)) => format!("{prefix}x"),
        _ => value.into(),
    }
}

/// Returns one of the values in the list `object[name]`.
fn one(random: &mut Random, object: &Value, name: &str) -> Option<String> {
    let values = object[name].as_array()?;
    Some(values.get(random.below(values.len()))?.as_str()?.to_owned())
}

fn target_of(value: &str) -> String {
    let text = witness(&value.replace("{**}", "y/z").replace("{*}", "x"));
    if text.starts_with('/') { text } else { format!("/{text}") }
}

fn address_of(value: &str) -> String {
    match value.split('/').next().unwrap_or_default() {
        "0.0.0.0" => "8.8.8.8".into(),
        "2001:db8::" => "2001:db8::7".into(),
        "1.2.0.0" => "1.2.7.7".into(),
        address => address.into(),
    }
}

impl Sample {
    fn free(random: &mut Random) -> Self {
        let mut sample = Self {
            method: random.pick(METHODS).into(),
            target: random.pick(TARGETS).into(),
            host: random.pick(HOSTS).into(),
            headers: Vec::new(),
            identity: random.percent(60).then(|| random.pick(IDENTITIES).to_owned()),
            claims: None,
            metadata: None,
            http2: random.percent(12),
        };
        for _ in 0..random.below(3) {
            sample.mutate(random);
        }
        if random.percent(4) {
            match random.below(3) {
                0 => sample.method = random.pick(ODD_METHODS).into(),
                1 => sample.host = random.pick(ODD_HOSTS).into(),
                _ => sample.target = random.pick(ODD_TARGETS).into(),
            }
        }
        sample
    }

    /// Returns a request near `policies`: most are one attribute away from a match or a mismatch of a rule.
    pub(crate) fn near(random: &mut Random, policies: &[Value]) -> Self {
        let mut sample = Self::free(random);
        if random.percent(6) {
            return sample;
        }
        let rules: Vec<&Value> =
            policies.iter().flat_map(|p| p["spec"]["rules"].as_array().into_iter().flatten()).collect();
        if !rules.is_empty() {
            let chosen = random.below(rules.len());
            sample.satisfy(random, rules[chosen]);
        }
        if random.percent(75) {
            sample.mutate(random);
        }
        sample
    }

    fn satisfy(&mut self, random: &mut Random, rule: &Value) {
        let entry = |random: &mut Random, name: &str| {
            let list = rule[name].as_array().map_or(&[][..], Vec::as_slice);
            list.get(random.below(list.len())).cloned().unwrap_or_default()
        };
        let source = entry(random, "from")["source"].clone();
        let operation = entry(random, "to")["operation"].clone();
        let fields = [
            (&source, "principals", "source.principal"),
            (&source, "namespaces", "source.namespace"),
            (&source, "serviceAccounts", "source.serviceAccount"),
            (&source, "trustDomains", "source.trustDomain"),
            (&source, "remoteIpBlocks", "remote.ip"),
            (&source, "requestPrincipals", "request.auth.principal"),
            (&operation, "hosts", "request.headers[host]"),
            (&operation, "methods", "request.headers[:method]"),
            (&operation, "paths", "request.headers[:path]"),
        ];
        for (object, name, key) in fields {
            if let Some(value) = one(random, object, name) {
                self.set(random, key, &value);
            }
        }
        for condition in rule["when"].as_array().into_iter().flatten() {
            if let Some(value) = one(random, condition, "values") {
                let key = condition["key"].as_str().unwrap_or_default().to_owned();
                self.set(random, &key, &value);
            }
        }
    }

    fn set(&mut self, random: &mut Random, key: &str, value: &str) {
        match key {
            "source.principal" => {
                let value = value.strip_prefix("cluster.local/").map_or(value.into(), |v| format!("td1/{v}"));
                self.identity = Some(format!("spiffe://{}", witness(&value)));
            }
            "source.namespace" => {
                let name = value.replace('*', if random.percent(50) { "" } else { "x" });
                self.identity = Some(format!("spiffe://td1/ns/{name}/sa/b"));
            }
            "source.serviceAccount" => {
                let (namespace, account) = value.split_once('/').unwrap_or(("foo", value));
                self.identity = Some(format!("spiffe://td1/ns/{namespace}/sa/{account}"));
            }
            "source.trustDomain" => self.identity = Some(format!("spiffe://{}/ns/a/sa/b", witness(value))),
            "remote.ip" => {
                self.headers.retain(|(name, _)| name != "x-forwarded-for");
                self.headers.push(("x-forwarded-for".into(), address_of(value)));
            }
            "request.auth.principal" => {
                let (issuer, subject) = match value {
                    "*" => ("i", "s"),
                    value => value.rsplit_once('/').unwrap_or((value, "")),
                };
                self.claim(&["iss"], json!(witness(issuer)));
                self.claim(&["sub"], json!(witness(subject)));
            }
            "request.auth.audiences" => self.claim(&["aud"], claim_value(random, value)),
            "request.auth.presenter" => self.claim(&["azp"], claim_value(random, value)),
            "request.headers[host]" | "request.headers[:authority]" => self.host = witness(value),
            "request.headers[:method]" => self.method = witness(value),
            "request.headers[:path]" => self.target = target_of(value),
            "experimental.envoy.filters.m[k]" => {
                let list = value.starts_with('[');
                let text = witness(value.trim_matches(['[', ']']));
                self.metadata = Some(if list { json!(["z", text]) } else { json!(text) });
            }
            key => {
                let inner = key.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
                if key.starts_with("request.headers") {
                    self.headers.push((inner.to_ascii_lowercase(), witness(value)));
                } else if key.starts_with("request.auth.claims") {
                    let path: Vec<&str> = inner.split("][").collect();
                    self.claim(&path, claim_value(random, value));
                }
            }
        }
    }

    fn claim(&mut self, path: &[&str], value: Value) {
        let mut at = self.claims.get_or_insert_with(|| json!({}));
        for name in path {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[*name];
        }
        *at = value;
    }

    /// Changes one attribute.
    fn mutate(&mut self, random: &mut Random) {
        match random.below(11) {
            0 => self.method = random.pick(METHODS).into(),
            1 => self.target = random.pick(TARGETS).into(),
            2 => {
                let more = ["/", "x", "?x", "/../a", "//", "%2e", ";x", "]", "/b", "A"];
                self.target.push_str(random.pick(&more));
            }
            3 => self.host = random.pick(HOSTS).into(),
            4 => self.host.push_str(random.pick(&[":80", "x", ".com"])),
            5 => self.identity = random.percent(75).then(|| random.pick(IDENTITIES).to_owned()),
            6 => {
                if let Some(identity) = &mut self.identity {
                    identity.push_str(random.pick(&["x", "/", "/x", "b", "*"]));
                }
            }
            7 => {
                let name = random.pick(HEADERS);
                if random.percent(40) {
                    self.headers.retain(|(n, _)| n != name);
                }
                if random.percent(75) {
                    let value =
                        if name == "x-forwarded-for" { random.pick(ADDRESSES) } else { random.pick(TEXTS) };
                    self.headers.push((name.into(), value.into()));
                }
            }
            8 => self.target = target_of(random.pick(PATHS)),
            9 => {
                let values = [
                    json!("a"),
                    json!(["a"]),
                    json!(["b", "ab"]),
                    json!(1),
                    json!(null),
                    json!(""),
                    json!(true),
                    json!({"h": "a"}),
                    json!([["a"]]),
                    json!({"h": ["x", "a"]}),
                    json!([]),
                    json!("a b"),
                ];
                let value = values[random.below(values.len())].clone();
                match random.below(9) {
                    0 => self.claims = None,
                    1 => self.metadata = None,
                    2 => self.metadata = Some(value),
                    3 => self.claim(&["iss"], json!(random.pick(&["i", "xi", "https://i/x", ""]))),
                    4 => self.claim(&["sub"], json!(random.pick(&["s", "xs", "", "*"]))),
                    _ => {
                        let name = random.pick(&["g", "a.b", "scope", "aud", "azp", "iss", "sub"]);
                        self.claim(&[name], value);
                    }
                }
            }
            _ => {
                if let Some((_, value)) = self.headers.first_mut() {
                    value.push_str(random.pick(&["x", ",b", " ", "a"]));
                }
            }
        }
    }

    /// Returns the engine's result.
    pub(crate) fn decide(&self, set: &PolicySet, port: u16) -> Expected {
        let expect = |request: &Request<'_>| {
            let decision = set.http().decide(request);
            let needs_provider = decision.verdict == Verdict::Ask;
            let after = if needs_provider {
                set.http().decide_after_custom(request).verdict
            } else {
                decision.verdict
            };
            Expected {
                status: if after == Verdict::Allow { 200 } else { 403 },
                needs_provider,
                is_audited: matches!(set.http().audit(request), Ok(Some(_))),
                shadow_denies: decision.shadow.map(|shadow| shadow.outcome == Outcome::Deny),
            }
        };
        self.with(port, expect).unwrap_or_else(|status| Expected { status, ..Expected::default() })
    }

    /// Whether the request is at most one attribute away from a match of some rule.
    pub(crate) fn is_near(&self, set: &PolicySet, port: u16) -> bool {
        let near = |trace: &RuleTrace| {
            let mut clauses: BTreeMap<(Section, u32), usize> = BTreeMap::new();
            for failure in &trace.failures {
                *clauses.entry((failure.section, failure.clause)).or_default() += 1;
            }
            trace.matched || trace.distance().0 == 1 && clauses.values().any(|failures| *failures == 1)
        };
        self.with(port, |request| set.http().explain(request).iter().any(near)).unwrap_or(false)
    }

    /// Calls `evaluate` with the request that policies see. Returns the status if the proxy rejects the request.
    fn with<T>(&self, port: u16, evaluate: impl FnOnce(&Request<'_>) -> T) -> Result<T, u16> {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut http = HttpRequest::new(&self.method, &self.target, &self.host);
        http.version = if self.http2 { HttpVersion::Http2 } else { HttpVersion::Http11 };
        http.headers = self.headers.iter().map(|(n, v)| (n.clone(), v.clone().into_bytes())).collect();
        let downstream = Downstream::plaintext(Some(here));
        let admitted = admit(&http, &downstream, &connection_manager())
            .map_err(|refusal| refusal.status.unwrap_or(400))?;
        let headers: Vec<(&str, &[u8])> =
            admitted.headers.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect();
        let metadata: Map<String, Value> =
            self.metadata.iter().map(|value| ("envoy.filters.m".to_owned(), json!({"k": value}))).collect();
        let identities: Vec<&[u8]> = self.identity.iter().map(|id| id.as_bytes()).collect();
        Ok(evaluate(&Request {
            method: Some(&admitted.method),
            path: admitted.path.as_deref(),
            authority: Some(&admitted.authority),
            headers: &headers,
            claims: self.claims.as_ref().and_then(Value::as_object),
            metadata: Some(&metadata),
            identities: &identities,
            source_ip: Some(here),
            remote_ip: Ok(admitted.remote_ip),
            destination_ip: Some(here),
            destination_port: Some(port),
            ..Request::default()
        }))
    }

    /// Returns the headers that control Envoy: the route, the identity, the claims and the metadata.
    fn control_headers(&self, route: usize) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-policy", route.to_string()), ("x-observe", "1".to_owned())];
        headers.extend(self.identity.clone().map(|identity| ("x-identity", identity)));
        for (name, value) in [("x-payload", &self.claims), ("x-metadata", &self.metadata)] {
            headers.extend(value.as_ref().map(|value| (name, BASE64.encode(protobuf::encode(value)))));
        }
        headers
    }

    /// Returns the bytes of the HTTP/1 request to the route with the number `route`.
    pub(crate) fn to_http1(&self, route: usize) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        for (name, value) in self.control_headers(route) {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// Returns the fields of the HTTP/2 request to the route with the number `route`.
    pub(crate) fn to_http2(&self, route: usize) -> Fields {
        let field = |(name, value): (&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let pseudo = [
            (":method", self.method.as_str()),
            (":scheme", "http"),
            (":authority", &self.host),
            (":path", &self.target),
        ];
        let control = self.control_headers(route);
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let control = control.iter().map(|(name, value)| (*name, value.as_str()));
        pseudo.into_iter().chain(headers).chain(control).map(field).collect()
    }
}

/// Returns the connection manager of the listeners: that of a sidecar, without the settings that only istiod makes.
fn connection_manager() -> Proxy {
    Proxy {
        client_certificate: ForwardClientCertificate::Sanitize,
        exchanges_metadata: false,
        ..Proxy::sidecar()
    }
}

/// The expected response to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// 200, 403, or the status with which the proxy rejects the request before policies.
    pub(crate) status: u16,
    /// Whether a CUSTOM rule matches, whose provider decides.
    pub(crate) needs_provider: bool,
    /// Whether an AUDIT rule matches.
    pub(crate) is_audited: bool,
    /// Whether dry-run policies deny the request, or `None` if there are none.
    pub(crate) shadow_denies: Option<bool>,
}

fn claim_value(random: &mut Random, value: &str) -> Value {
    let text = witness(value);
    if random.percent(50) { json!(text) } else { json!(["z", text]) }
}
