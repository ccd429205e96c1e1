//! The request that policies evaluate, as comparable text.

use palisade::{flow::MeshRequest, http::Admitted};
use serde_json::Value;
use std::{fmt, net::IpAddr};

/// The request that policies evaluate, if any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestView {
    /// The proxy rejects the request with this status, or resets the stream.
    Rejected(Option<u16>),
    /// The proxy sends no answer.
    NoAnswer,
    /// Policies evaluate this request.
    Evaluated(Box<PolicyInput>),
}

/// The attributes of a request in policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyInput {
    /// The sorted header lines for CUSTOM policies, before the validation of tokens.
    before: Vec<String>,
    /// The sorted header lines for DENY and ALLOW policies.
    after: Vec<String>,
    /// The client's address.
    client: Option<IpAddr>,
    /// The claims of the accepted token, or an empty text.
    claims: String,
}

/// The claims that are compared.
const CLAIMS: [&str; 5] = ["iss", "sub", "aud", "g", "scope"];

/// The status of an answer that contains the view of a request. Envoy itself never sends it, not even for a CONNECT.
pub(super) const STATUS: u16 = 418;

/// The header that contains the view of a HEAD request, whose answer has no body.
pub(super) const HEADER: &str = "x-views";

/// Replaces random text.
const RANDOM: &str = "<random>";

impl RequestView {
    /// Returns the view in the engine.
    pub(super) fn of_engine(request: &MeshRequest) -> Self {
        let Some(http) = &request.http else { return Self::Rejected(None) };
        let before = request.before_tokens.as_deref().unwrap_or(http);
        let claims = request.claims.iter().flat_map(|claims| {
            CLAIMS.map(|name| format!("{name}={}", claims.get(name).map_or("nil".into(), text)))
        });
        Self::Evaluated(Box::new(PolicyInput {
            before: lines(before),
            after: lines(http),
            client: request.remote_ip.ok().flatten(),
            claims: claims.collect::<Vec<_>>().join(";"),
        }))
    }

    /// Returns the view in an answer of Envoy.
    pub(super) fn of_envoy(status: u16, head: Option<&str>, body: &[u8]) -> Self {
        if status != STATUS {
            return Self::Rejected(Some(status));
        }
        let body = match head {
            Some(head) => unescape(head),
            None => String::from_utf8_lossy(body).into_owned(),
        };
        let mut parts = body.split("\n\n");
        let (client, claims) = parts.next().and_then(|part| part.split_once("\nclaims ")).unwrap_or_default();
        let mut view = || {
            let lines = parts.next().unwrap_or_default().split('\n');
            let split = |text: &str| {
                // The name of a pseudo header begins with a colon.
                let colon = text.get(1..).and_then(|rest| rest.find(": ")).map_or(text.len(), |at| at + 1);
                line(&text[..colon], text.get(colon + 2..).unwrap_or_default())
            };
            sorted(lines.map(split).collect())
        };
        Self::Evaluated(Box::new(PolicyInput {
            before: view(),
            after: view(),
            client: address(client),
            claims: claims.to_owned(),
        }))
    }

    pub(super) fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected(_))
    }

    pub(super) fn has_token(&self) -> bool {
        matches!(self, Self::Evaluated(views) if !views.claims.is_empty())
    }
}

/// Decodes the header [`HEADER`].
fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2).unwrap_or_default();
        out.extend(u8::from_str_radix(code, 16).map(char::from));
        out += rest;
    }
    out
}

/// Returns a claim in the format of the Lua filter.
fn text(claim: &Value) -> String {
    match claim {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(text).collect::<Vec<_>>().join(",")),
        Value::Object(_) => "[]".into(),
        Value::Number(number) => number.as_f64().map_or("nil".into(), |number| number.to_string()),
        Value::Bool(value) => value.to_string(),
        Value::Null => "nil".into(),
    }
}

/// Returns the address in a text `ADDRESS:PORT`.
fn address(text: &str) -> Option<IpAddr> {
    let (address, _) = text.rsplit_once(':')?;
    address.trim_matches(['[', ']']).split('%').next()?.parse().ok()
}

fn lines(http: &Admitted) -> Vec<String> {
    let pseudo = [(":method", &http.method), (":authority", &http.authority), (":scheme", &http.scheme)];
    let path = http.path.as_ref().map(|path| (":path", path));
    let headers = http.headers.iter().map(|(name, value)| (name.as_str(), value));
    let all = pseudo.into_iter().chain(path).chain(headers);
    sorted(all.map(|(name, value)| line(name, &String::from_utf8_lossy(value))).collect())
}

/// Returns a header line whose random parts are replaced.
fn line(name: &str, value: &str) -> String {
    match name {
        "x-request-id" if is_uuid(value) => format!("{name}: {RANDOM}"),
        "x-forwarded-client-cert" => {
            let mut parts = value.split("Hash=");
            let mut text = format!("{name}: {}", parts.next().unwrap_or_default());
            for part in parts {
                let rest = part.get(64..).filter(|_| part.bytes().take(64).all(|b| b.is_ascii_hexdigit()));
                text += "Hash=";
                text += if rest.is_some() { RANDOM } else { "" };
                text += rest.unwrap_or(part);
            }
            ["Cert=\"-----BEGIN", "Chain=\"-----BEGIN"]
                .iter()
                .fold(text, |text, start| without_pem(&text, start))
        }
        _ => format!("{name}: {value}"),
    }
}

/// Returns `text` with [`RANDOM`] between `start` and the next quotation mark.
fn without_pem(text: &str, start: &str) -> String {
    let mut parts = text.split(start);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.find('"').and_then(|at| part.get(at..)).unwrap_or_default();
        out = out + start + RANDOM + rest;
    }
    out
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36 && value.bytes().filter(|b| *b == b'-').count() == 4
}

/// Returns the lines, sorted by header name. Lines with the same name keep their order.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    fn name(line: &str) -> &str {
        line.get(1..).and_then(|rest| rest.split(": ").next()).unwrap_or_default()
    }
    lines.sort_by(|a, b| (a.as_bytes().first(), name(a)).cmp(&(b.as_bytes().first(), name(b))));
    lines
}

impl fmt::Display for RequestView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected(None) => f.write_str("reset"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Rejected(Some(status)) => write!(f, "status {status}"),
            Self::Evaluated(views) => {
                let PolicyInput { before, after, client, claims } = &**views;
                write!(f, "client {client:?}, claims {claims:?}, {before:?}")?;
                if before != after { write!(f, ", then {after:?}") } else { Ok(()) }
            }
        }
    }
}
