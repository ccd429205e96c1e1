//! A request as a client sends it.

use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// HTTP version of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// 1.0
    Http10,
    /// 1.1
    #[default]
    Http11,
    /// 2
    Http2,
    /// 3
    Http3,
}

/// Header lines in order: name as sent, value bytes.
pub type Headers = Vec<(String, Vec<u8>)>;

/// A request as the client sends it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HttpRequest {
    /// Version.
    pub version: HttpVersion,
    /// Method.
    pub method: String,
    /// Request target; origin form unless `target` was used. Empty: a request of HTTP/2 or 3 without `:path`.
    pub target: Vec<u8>,
    /// Whether `target` is meant literally, whatever its form.
    pub literal_target: bool,
    /// `Host` lines (or `:authority`); none means the header is missing.
    pub hosts: Vec<String>,
    /// Other header lines.
    pub headers: Headers,
    /// The bytes after the headers. Over HTTP/1 the headers have to describe them.
    pub body: Vec<u8>,
    /// The address that the proxy takes for the client's.
    pub remote_ip: Option<IpAddr>,
    /// The exact bytes of an HTTP/1 request, instead of all of the above but `remote_ip`
    /// ([`HttpRequest::parsed`]).
    pub raw: Option<Vec<u8>>,
}

impl HttpRequest {
    /// An HTTP/1.1 request without further headers.
    pub fn new(method: &str, path: &str, host: &str) -> Self {
        Self {
            method: method.into(),
            target: path.into(),
            hosts: alloc::vec![host.into()],
            ..Self::default()
        }
    }
}
