//! A request as a client sends it.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// The HTTP version of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    #[default]
    Http11,
    /// HTTP/2.
    Http2,
    /// HTTP/3.
    Http3,
}

/// Header lines in order: the name as sent, and the bytes of the value.
pub type Headers = Vec<(String, Vec<u8>)>;

/// A request as the client sends it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpRequest {
    /// Version.
    pub version: HttpVersion,
    /// Method.
    pub method: String,
    /// Request target, in origin form unless `literal_target` is set. An empty target is an HTTP/2 or HTTP/3 request
    /// without `:path`.
    pub target: Vec<u8>,
    /// Whether `target` is sent as it is, in any form.
    pub literal_target: bool,
    /// `Host` lines (or `:authority`); without any line the header is missing.
    pub hosts: Vec<String>,
    /// Other header lines.
    pub headers: Headers,
    /// The body. Over HTTP/1 the headers must describe it.
    pub body: Vec<u8>,
    /// The client address that the proxy assumes.
    pub remote_ip: Option<IpAddr>,
    /// The exact bytes of an HTTP/1 request. They replace all other fields except `remote_ip`
    /// ([`HttpRequest::parsed`]).
    pub raw: Option<Vec<u8>>,
}

impl HttpRequest {
    /// Returns an HTTP/1.1 request without further headers.
    pub fn new(method: &str, path: &str, host: &str) -> Self {
        Self {
            method: method.into(),
            target: path.into(),
            hosts: alloc::vec![host.into()],
            ..Self::default()
        }
    }
}
