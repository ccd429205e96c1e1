//! Random requests: repeated and unusual headers, hosts, targets, and tokens in several places.

use super::settings::{HTTP3, PROXIES};
use palisade::flow::{HttpRequest, HttpVersion, Token};
use palisade_envoy::http2::Fields;
use palisade_test_support::Random;
use serde_json::Value;
use std::fmt;

/// A request, and the proxy that receives it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Probe {
    pub(super) proxy: usize,
    pub(super) request: HttpRequest,
    /// The tokens whose text is in the request.
    pub(super) tokens: Vec<usize>,
    /// Trailers over HTTP/2 and HTTP/3, which no policy evaluates.
    pub(super) trailers: Fields,
}

#[rustfmt::skip]
const METHODS: &[&str] = &[
    "GET", "GET", "GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "QUERY", "get", "FOO",
    "M-SEARCH", "HEAD", "HEAD", "HEAD", "TRACE",
];

#[rustfmt::skip]
const TARGETS: &[&str] = &[
    "/", "/", "/", "/a", "/a/../b", "/a?x=1", "/a?x=%20y&z", "//a", "/%61", "/a#f", "*", "/;a/..;/b",
    "/a\\b", "/%", "/\u{e9}", "a", "http://h.example/x", "https://h:8443/x?y", "http://u@h/", "http://h",
    "http://h?x", "HTTP://H/x", "http:///x", "http://h:99999/", "http://h:/x", "http://[::1]/x",
    "http://h\\x", "ftp://h/", "http://a,b/", "http://h/a#f", "http://h:80/",
];

/// Targets of a CONNECT over HTTP/1.
#[rustfmt::skip]
const TUNNELS: &[&str] = &[
    "a.example:80", "a.example:80", "a.example", "A.Example:443", "1.2.3.4:443", "[::1]:80", "[::1]", "a:", ":80",
    "a_b:80", "a:99999", "a:0", "u@a:80", "/x", "http://h/", "*", "a:80/", "a.example.:80", "a,b:80", "a:b",
];

#[rustfmt::skip]
const HOSTS: &[&str] = &[
    "a.example", "a.example", "a.example", "a.example", "A.Example", "a.example:80", "a.example:0",
    "[::1]:80", "1.2.3.4", "a_b", "a,b", "u@a", "", "a.example:", "a b", "a%20b", "a.example.", "a:b",
    "a/b", "a?b",
];

/// Header names. Envoy itself has no metadata exchange, which removes `x-envoy-peer-metadata`.
#[rustfmt::skip]
const HEADERS: &[&str] = &[
    "x-a", "x-b", "X-A", "accept", "user-agent", "cookie", "via", "origin", "access-control-request-method",
    "pragma", "x-forwarded-for", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-client-cert", "x-request-id", "x-real-ip", "x-envoy-internal",
    "x-envoy-external-address", "x-envoy-retry-on", "x-envoy-max-retries", "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-original-path", "x-envoy-original-host", "x-envoy-decorator-operation", "x-envoy-force-trace",
    "x-envoy-attempt-count", "x-envoy-downstream-service-cluster", "x-envoy-ip-tags", "x-envoy-unknown",
    "x-envoy-original-dst-host", "x-envoy-is-timeout-retry", "x-client-trace-id", "traceparent", "b3",
    "x-b3-traceid", "connection", "connection", "keep-alive", "proxy-connection", "upgrade", "te",
    "trailer", "expect", "referer", "content-type", "content-length", "transfer-encoding", "grpc-timeout",
    "x-group", "X-Group", "x-payload", "x-name", "x-issuer", "authorization", "proxy-authorization",
    "forwarded", "early-data", "host", "x_under", "http2-settings", "if-match", "accept-encoding",
    "capsule-protocol", "x-t", "x-c", "x y", "cache-control", "x-ot-span-context", "proxy-status", ":path",
];

/// Names that only some versions accept, and those that none does.
const OF_CONNECTIONS: &[&str] =
    &["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te", "host"];
const ODD: &[&str] = &["x y", ":path", "host", "transfer-encoding"];

#[rustfmt::skip]
const VALUES: &[&str] = &[
    "a", "b", "", "a,b", "a, b", "A b", "1.2.3.4", "1.2.3.4, 5.6.7.8", "1.2.3.4,", ", 9.9.9.9", "10.0.0.1",
    "::1", "[::1]:80", "1.2.3.4:80", "http", "https", "HTTPS", "close", "keep-alive", "x-a",
    "x-a, keep-alive", "te", "upgrade", "Upgrade", "websocket", "h2c", "trailers", "trailers, gzip", "gzip",
    "true", "5xx", "0", "80", "/x", "http://h/x", "http://u@h/", "//h", "c=1; d=2", "GET", "*",
    "\u{e9}", "By=spiffe://x;Hash=1", "for=1.2.3.4", "unknown", "b3;a", "\"q\"",
    "100-continue", "chunked", "x-forwarded-for", "authorization", "host", "x-group", "a\tb",
    "?1",
];

impl Probe {
    /// A request at random with some of `tokens`.
    pub(super) fn random(random: &mut Random, tokens: &[Token]) -> Self {
        let (version, proxy) = match random.below(100) {
            // The client of HTTP/3 is slow.
            0..1 => (HttpVersion::Http3, HTTP3),
            1..5 => (HttpVersion::Http10, over_tcp(random)),
            5..70 => (HttpVersion::Http11, over_tcp(random)),
            _ => (HttpVersion::Http2, over_tcp(random)),
        };
        let mut request = HttpRequest::new("GET", "/", "a.example");
        // In most requests at most one of these is unusual: two reasons for a rejection hide each other.
        let part = random.below(20);
        if matches!(part, 0..4 | 19) {
            request.method = random.pick(METHODS).to_owned();
        }
        if matches!(part, 4..8 | 19) {
            request.target = random.pick(TARGETS).as_bytes().to_vec();
        }
        if matches!(part, 8..12 | 19) {
            request.hosts = vec![random.pick(HOSTS).to_owned()];
        }
        request.version = version;
        // The HTTP/3 client rejects a length in the answer to a HEAD.
        if (version, request.method.as_str()) == (HttpVersion::Http3, "HEAD") {
            request.method = "GET".into();
        }
        request.literal_target = true;
        match random.below(80) {
            0 => request.hosts.clear(),
            1 => request.hosts.push(random.pick(HOSTS).to_owned()),
            _ => {}
        }
        let count = if random.percent(1) { 85 + random.below(20) } else { random.below(6) };
        for _ in 0..count {
            let mut name = random.pick(HEADERS);
            let streams = matches!(version, HttpVersion::Http2 | HttpVersion::Http3);
            while ODD.contains(&name) || streams && OF_CONNECTIONS.contains(&name) {
                if random.percent(5) {
                    break;
                }
                name = random.pick(HEADERS);
            }
            // Over HTTP/3 the body of every answer would have to consist of capsules.
            if (version, name) == (HttpVersion::Http3, "capsule-protocol") {
                name = "x-a";
            }
            request.headers.push((name.to_owned(), value(random, name).as_bytes().to_vec()));
        }
        let mut used = Vec::new();
        for _ in 0..[0, 0, 0, 1, 1, 2][random.below(6)] {
            let number = random.below(tokens.len());
            add_token(random, &mut request, &tokens[number]);
            used.push(number);
        }
        let mut probe = Self { proxy, request, tokens: used, trailers: Vec::new() };
        match random.below(100) {
            0..4 => probe.make_connect(random),
            4..14 => probe.add_body(random),
            _ => {}
        }
        if probe.has_streams() && !random.percent(2) {
            probe.request.headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        }
        probe
    }

    /// Whether the request uses a stream: HTTP/2 or HTTP/3.
    pub(super) fn has_streams(&self) -> bool {
        matches!(self.request.version, HttpVersion::Http2 | HttpVersion::Http3)
    }

    /// Whether nothing follows the headers, so that the HTTP/1 connection can be used again.
    pub(super) fn ends_with_headers(&self) -> bool {
        let Self { request, .. } = self;
        let upgrade = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
        request.body.is_empty() && request.method != "CONNECT" && !upgrade
    }

    /// Makes the request a CONNECT, over HTTP/2 and HTTP/3 sometimes an extended one.
    fn make_connect(&mut self, random: &mut Random) {
        let streams = self.has_streams();
        let request = &mut self.request;
        request.method = "CONNECT".into();
        if !streams {
            request.target = random.pick(TUNNELS).into();
            return;
        }
        if random.percent(70) {
            request.target.clear();
        }
        if random.percent(30) {
            let protocol = random.pick(&["websocket", "connect-udp", ""]);
            request.headers.insert(0, (":protocol".into(), protocol.into()));
        }
    }

    /// Adds a body, and over HTTP/2 and HTTP/3 sometimes trailers.
    fn add_body(&mut self, random: &mut Random) {
        const BODY: &[u8] = b"5\r\nhello\r\n0\r\n\r\n";
        let streams = self.has_streams();
        let request = &mut self.request;
        if random.percent(70) {
            request.method = random.pick(&["POST", "PUT", "PATCH", "QUERY"]).into();
        }
        let chunked = !streams && random.percent(40);
        // A length that contradicts the body resets the stream after policies have evaluated the request.
        request.headers.retain(|(name, _)| !streams || !name.eq_ignore_ascii_case("content-length"));
        // Envoy passes the headers on before it reads the body, which may be cut short.
        let length = if random.percent(80) || streams { BODY.len() } else { 1 + random.below(BODY.len()) };
        request.body = BODY[..length].to_vec();
        let mut header = |name: &str, value: String| request.headers.push((name.into(), value.into_bytes()));
        match chunked {
            true => header("transfer-encoding", "chunked".into()),
            false if streams && random.percent(30) => {}
            false => header("content-length", BODY.len().to_string()),
        }
        if streams && random.percent(30) {
            self.trailers.push((b"x-a".to_vec(), b"b".to_vec()));
        }
    }

    /// Returns the probes with one part less.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut out = Vec::new();
        let with = |change: &dyn Fn(&mut Self)| {
            let mut probe = self.clone();
            change(&mut probe);
            probe
        };
        for at in 0..self.request.headers.len() {
            out.push(with(&|probe| drop(probe.request.headers.remove(at))));
        }
        if self.proxy != HTTP3 {
            out.push(with(&|probe| probe.proxy = 0));
            out.push(with(&|probe| probe.request.version = HttpVersion::Http11));
        }
        out.push(with(&|probe| probe.trailers.clear()));
        out.push(with(&|probe| {
            probe.trailers.clear();
            probe.request.body.clear();
        }));
        out.push(with(&|probe| probe.request.method = "GET".into()));
        out.push(with(&|probe| probe.request.target = b"/".to_vec()));
        out.push(with(&|probe| probe.request.hosts = vec!["a.example".into()]));
        out.retain(|smaller| smaller != self);
        out
    }
}

/// Returns a random proxy that does not use QUIC, in most cases one of the first, which need no TLS handshake.
fn over_tcp(random: &mut Random) -> usize {
    let end = if random.percent(70) { 4 } else { PROXIES.len() - 1 };
    let number = random.below(end);
    number + usize::from(number >= HTTP3)
}

/// Returns a random value for the header `name`.
fn value<'v>(random: &mut Random, name: &str) -> &'v str {
    match name {
        "content-length" => random.pick(&["0", "0", "00", "", "x", "-1", "0, 0"]),
        "te" if random.percent(50) => random.pick(&["trailers", "Trailers", "gzip, trailers", "gzip"]),
        "expect" if random.percent(50) => random.pick(&["100-continue", "100-Continue"]),
        "connection" if random.percent(50) => random.pick(&[
            "upgrade",
            "close",
            "te",
            "x-a",
            "x-a, x-b",
            "authorization",
            "x-c, te",
            "X-T",
            "cookie",
            "a,,b",
        ]),
        _ if random.percent(1) => "a\u{1}b",
        _ => random.pick(VALUES),
    }
}

/// Adds the text of `token`, in most cases at a place from which a rule for its issuer reads it.
fn add_token(random: &mut Random, request: &mut HttpRequest, token: &Token) {
    // With ES256 Envoy also accepts signatures of one byte too many; the engine is independent of the algorithm.
    let mut text = token.text.clone().unwrap_or_default();
    if random.percent(15) {
        text += random.pick(&[
            " ",
            ",",
            ",x",
            ", x",
            "=",
            "==",
            "=== ",
            "\"",
            "\t",
            "/",
            ".",
            ".x",
            ",Bearer x",
            "  ",
        ]);
    }
    let place = match token.claims.get("iss").and_then(Value::as_str) {
        Some("a") => [0, 1, 10, 11][random.below(4)],
        Some("b") => [5, 8, 9, 12][random.below(4)],
        Some("c") => [6, 7, 11, 12][random.below(4)],
        _ => 0,
    };
    let place = if random.percent(20) { random.below(14) } else { place };
    let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value.into_bytes()));
    match place {
        0 | 2 => header("authorization", format!("Bearer {text}")),
        1 | 3 => header("authorization", format!("Basic x, Bearer {text}")),
        4 => header("authorization", format!("bearer {text}")),
        5 => header("x-t", format!("T {text}")),
        6 => header("x-c", text),
        7 => header("x-t", text),
        8 => header("cookie", format!("a=b; t={text}")),
        9 => header("cookie", format!("t=\"{text}\"")),
        10 => header("Authorization", format!("Bearer  {text}")),
        number => {
            let name = ["access_token", "t", "%74"][number - 11];
            let joint = if request.target.contains(&b'?') { '&' } else { '?' };
            request.target.extend(format!("{joint}{name}={text}").into_bytes());
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpRequest { version, method, target, hosts, headers, .. } = &self.request;
        let target = String::from_utf8_lossy(target);
        write!(f, "{}, {version:?}: {method} {target:?}, hosts {hosts:?}", PROXIES[self.proxy].name)?;
        for (name, value) in headers {
            write!(f, "\n  {name}: {:?}", String::from_utf8_lossy(value))?;
        }
        if !self.request.body.is_empty() {
            write!(f, "\n  body {:?}", String::from_utf8_lossy(&self.request.body))?;
        }
        if !self.trailers.is_empty() {
            write!(f, ", with trailers")?;
        }
        Ok(())
    }
}
