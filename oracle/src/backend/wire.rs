//! The request of a case as bytes, without any correction.

use palisade::flow::{HttpRequest, HttpVersion};
use palisade_envoy::http2::{Fields, StreamRequest};

/// Returns the given raw bytes, or the request in HTTP/1.
pub(crate) fn http1(http: &HttpRequest) -> Vec<u8> {
    if let Some(raw) = &http.raw {
        return raw.clone();
    }
    let mut bytes = Vec::new();
    let version: &[u8] = if http.version == HttpVersion::Http10 { b" HTTP/1.0" } else { b" HTTP/1.1" };
    for part in [http.method.as_bytes(), b" ", &http.target, version, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
    let hosts = http.hosts.iter().map(|host| ("host", host.as_bytes()));
    let lines = http.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
    for (name, value) in hosts.chain(lines) {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(&http.body);
    bytes
}

/// Returns the request in HTTP/2, pseudo headers first. A CONNECT has neither `:path` nor `:scheme`.
pub(crate) fn http2(http: &HttpRequest) -> StreamRequest {
    let mut fields: Fields = vec![(b":method".to_vec(), http.method.clone().into_bytes())];
    if !http.target.is_empty() {
        fields.push((b":path".to_vec(), http.target.clone()));
        fields.push((b":scheme".to_vec(), b"http".to_vec()));
    }
    let hosts = http.hosts.iter();
    fields.extend(hosts.map(|host| (b":authority".to_vec(), host.clone().into_bytes())));
    let lines = http.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone()));
    fields.extend(lines);
    StreamRequest { fields, body: http.body.clone(), ..StreamRequest::default() }
}
