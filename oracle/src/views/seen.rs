//! What policies see of a request, as comparable text.

use palisade::{flow::MeshRequest, http::Admitted};
use serde_json::Value;
use std::{fmt, net::IpAddr};

/// What policies see of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing: the proxy answers with this status, or resets the stream.
    Refused(Option<u16>),
    /// Unknown: the proxy does not answer.
    Silent,
    /// The request.
    Passed(Box<Views>),
}

/// A request as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Views {
    /// Sorted header lines as CUSTOM policies see them, before tokens are checked.
    before: Vec<String>,
    /// The same as DENY and ALLOW policies see them.
    after: Vec<String>,
    /// The client's address.
    client: Option<IpAddr>,
    /// Claims of the accepted token; empty without one.
    claims: String,
}

/// The claims that are compared.
const CLAIMS: [&str; 5] = ["iss", "sub", "aud", "g", "scope"];

/// The status of an answer with the views of a request. Envoy itself never answers so, not even to a CONNECT.
pub(super) const STATUS: u16 = 418;

/// The header with the views of a HEAD request, whose answer has no body.
pub(super) const HEADER: &str = "x-views";

/// Stands for random text.
const RANDOM: &str = "<random>";

impl Seen {
    /// What the engine says.
    pub(super) fn of_engine(request: &MeshRequest) -> Self {
        let Some(http) = &request.http else { return Self::Refused(None) };
        let before = request.before_tokens.as_deref().unwrap_or(http);
        let claims = request.claims.iter().flat_map(|claims| {
            CLAIMS.map(|name| format!("{name}={}", claims.get(name).map_or("nil".into(), text)))
        });
        Self::Passed(Box::new(Views {
            before: lines(before),
            after: lines(http),
            client: request.remote_ip.ok().flatten(),
            claims: claims.collect::<Vec<_>>().join(";"),
        }))
    }

    /// What Envoy's answer says.
    pub(super) fn of_envoy(status: u16, head: Option<&str>, body: &[u8]) -> Self {
        if status != STATUS {
            return Self::Refused(Some(status));
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
        Self::Passed(Box::new(Views {
            before: view(),
            after: view(),
            client: address(client),
            claims: claims.to_owned(),
        }))
    }

    pub(super) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    pub(super) fn has_token(&self) -> bool {
        matches!(self, Self::Passed(views) if !views.claims.is_empty())
    }
}

/// The text of the header [`HEADER`].
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

/// A claim as the Lua filter writes it.
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

/// The address before the port.
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

/// A header line without what is random in it.
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

/// `text` without what is random between `start` and the next quotation mark.
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

/// Lines sorted by name; those of one name stay in order.
fn sorted(mut lines: Vec<String>) -> Vec<String> {
    fn name(line: &str) -> &str {
        line.get(1..).and_then(|rest| rest.split(": ").next()).unwrap_or_default()
    }
    lines.sort_by(|a, b| (a.as_bytes().first(), name(a)).cmp(&(b.as_bytes().first(), name(b))));
    lines
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(None) => f.write_str("reset"),
            Self::Silent => f.write_str("no answer"),
            Self::Refused(Some(status)) => write!(f, "status {status}"),
            Self::Passed(views) => {
                let Views { before, after, client, claims } = &**views;
                write!(f, "client {client:?}, claims {claims:?}, {before:?}")?;
                if before != after { write!(f, ", then {after:?}") } else { Ok(()) }
            }
        }
    }
}
