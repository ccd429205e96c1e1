//! `http:`, `grpc:`, `jwt:`.

use super::scalar::{Bytes, Ip, OneOrMany};
use palisade::flow::{EndpointRef, Headers, HttpRequest, HttpVersion, Token, TokenFault, TokenLocation};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value};
use std::fmt;

/// `http:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HttpSpec {
    version: Option<Version>,
    method: Option<String>,
    path: Option<Bytes>,
    target: Option<Bytes>,
    #[serde(default, deserialize_with = "present")]
    host: Option<Option<OneOrMany<String>>>,
    #[serde(default)]
    headers: HeaderLines,
    #[serde(default)]
    body: Option<Bytes>,
    remote_ip: Option<Ip>,
    raw: Option<Bytes>,
}

/// Distinguishes `host: null` from a missing `host`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Version {
    #[serde(rename = "1.0", alias = "HTTP/1.0")]
    Http10,
    #[serde(rename = "1.1", alias = "HTTP/1.1")]
    Http11,
    #[serde(rename = "2", alias = "2.0", alias = "HTTP/2")]
    Http2,
    #[serde(rename = "3", alias = "3.0", alias = "HTTP/3")]
    Http3,
}

impl HttpSpec {
    /// The request; `to` gives the host where none is written.
    pub(crate) fn request(self, to: &EndpointRef) -> Result<HttpRequest, &'static str> {
        if self.path.is_some() && self.target.is_some() {
            return Err("`path` and `target` are two forms of the same thing: keep one");
        }
        let other = self.version.is_some()
            || self.method.is_some()
            || self.path.is_some()
            || self.target.is_some()
            || self.host.is_some()
            || !self.headers.0.is_empty()
            || self.body.is_some();
        if self.raw.is_some() && other {
            return Err("`raw` is the whole request: remove every other field but `remoteIp`");
        }
        let literal_target = self.target.is_some();
        let version = match self.version {
            Some(Version::Http10) => HttpVersion::Http10,
            None | Some(Version::Http11) => HttpVersion::Http11,
            Some(Version::Http2) => HttpVersion::Http2,
            Some(Version::Http3) => HttpVersion::Http3,
        };
        let method = self.method.unwrap_or_else(|| "GET".to_owned());
        // A `host` among the headers is the only one.
        let named = self.headers.0.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let hosts = match self.host {
            None if named => Vec::new(),
            None => vec![default_host(to)],
            Some(None) => Vec::new(),
            Some(Some(OneOrMany(hosts))) => hosts,
        };
        let default_target = default_target(&method, version, &hosts);
        Ok(HttpRequest {
            version,
            method,
            target: self.target.or(self.path).map_or(default_target, |Bytes(b)| b),
            literal_target,
            hosts,
            headers: self.headers.0,
            body: self.body.map_or_else(Vec::new, |Bytes(b)| b),
            remote_ip: self.remote_ip.map(|Ip(ip)| ip),
            raw: self.raw.map(|Bytes(b)| b),
        })
    }
}

/// Returns the target of a request that states none: the path `/`. A CONNECT has no path: its target is the host with a
/// port, which HTTP/2 and HTTP/3 name in `:authority`.
pub fn default_target(method: &str, version: HttpVersion, hosts: &[String]) -> Vec<u8> {
    match (method, version) {
        ("CONNECT", HttpVersion::Http2 | HttpVersion::Http3) => Vec::new(),
        ("CONNECT", _) => hosts.first().map_or_else(Vec::new, |host| host.clone().into_bytes()),
        _ => b"/".to_vec(),
    }
}

/// The `Host` that a client would send to `to`.
pub fn default_host(to: &EndpointRef) -> String {
    let service = |name: &str| match name.split_once('/') {
        Some((namespace, name)) => format!("{name}.{namespace}.svc.cluster.local"),
        None => name.to_owned(),
    };
    match to {
        EndpointRef::Workload(name) => match name.split_once('/') {
            Some((namespace, name)) => format!("{name}.{namespace}"),
            None => name.clone(),
        },
        EndpointRef::Service(name) | EndpointRef::Gateway { service: Some(name), .. } => service(name),
        EndpointRef::Gateway { gateway, service: None } => service(gateway),
        EndpointRef::Ip(ip) if ip.is_ipv6() => format!("[{ip}]"),
        EndpointRef::Ip(ip) => ip.to_string(),
        EndpointRef::Entity { name, .. } | EndpointRef::Fqdn { name, .. } => name.clone(),
    }
}

/// Header lines in the order written.
#[derive(Clone, Debug, Default)]
struct HeaderLines(Headers);

impl<'de> Deserialize<'de> for HeaderLines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lines;
        impl<'de> Visitor<'de> for Lines {
            type Value = HeaderLines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping of header names to a value or a list of values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<HeaderLines, A::Error> {
                let mut lines = Vec::new();
                while let Some((name, OneOrMany(values))) = map.next_entry::<String, HeaderValue>()? {
                    lines.extend(values.into_iter().map(|Bytes(value)| (name.clone(), value)));
                }
                Ok(HeaderLines(lines))
            }
        }
        deserializer.deserialize_map(Lines)
    }
}

type HeaderValue = OneOrMany<Bytes>;

/// `grpc:`, short for the HTTP/2 request that a call is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GrpcSpec {
    service: String,
    method: String,
    host: Option<String>,
    #[serde(default)]
    headers: HeaderLines,
}

impl GrpcSpec {
    pub(crate) fn request(self, to: &EndpointRef) -> HttpRequest {
        let mut headers = vec![("content-type".to_owned(), b"application/grpc".to_vec())];
        headers.extend(self.headers.0);
        HttpRequest {
            version: HttpVersion::Http2,
            method: "POST".to_owned(),
            target: format!("/{}/{}", self.service, self.method).into_bytes(),
            hosts: vec![self.host.unwrap_or_else(|| default_host(to))],
            headers,
            ..HttpRequest::default()
        }
    }
}

/// One token of `jwt:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenSpec {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    azp: Option<Value>,
    #[serde(default)]
    claims: Map<String, Value>,
    invalid: Option<Fault>,
    #[serde(rename = "in")]
    place: Option<TokenPlaceSpec>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fault {
    Expired,
    Signature,
    Malformed,
    Issuer,
    Audience,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TokenPlaceSpec {
    Header(String),
    Query(String),
    Cookie(String),
}

impl From<TokenSpec> for Token {
    fn from(text: TokenSpec) -> Self {
        let mut claims = text.claims;
        let registered = [("iss", text.iss), ("sub", text.sub), ("aud", text.aud), ("azp", text.azp)];
        for (name, value) in registered {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value);
            }
        }
        Self {
            claims,
            fault: text.invalid.map(|fault| match fault {
                Fault::Expired => TokenFault::Expired,
                Fault::Signature => TokenFault::Signature,
                Fault::Malformed => TokenFault::Malformed,
                Fault::Issuer => TokenFault::Issuer,
                Fault::Audience => TokenFault::Audience,
            }),
            location: match text.place {
                None => TokenLocation::Authorization,
                Some(TokenPlaceSpec::Header(name)) => TokenLocation::Header(name),
                Some(TokenPlaceSpec::Query(name)) => TokenLocation::Query(name),
                Some(TokenPlaceSpec::Cookie(name)) => TokenLocation::Cookie(name),
            },
            text: None,
        }
    }
}

/// A token from JSON: `claims`, `invalid` and `in` as in case files, every other member a claim.
///
/// # Errors
///
/// One of the three has another shape.
pub fn token(members: Map<String, Value>) -> Result<Token, serde_json::Error> {
    let (own, claims): (Map<_, _>, Map<_, _>) =
        members.into_iter().partition(|(name, _)| ["claims", "invalid", "in"].contains(&name.as_str()));
    let mut token = Token::from(serde_json::from_value::<TokenSpec>(Value::Object(own))?);
    token.claims.extend(claims);
    Ok(token)
}
