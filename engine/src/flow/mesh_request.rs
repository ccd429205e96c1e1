//! A request or connection at the proxy of its destination.

use crate::{
    http::{Admitted, HeaderMap},
    request::{Read, Request},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::net::IpAddr;
use serde_json::{Map, Value};

/// A request or connection at the proxy of its destination, before mesh policies decide it.
///
/// Back ends that run the WebAssembly filter also use this value.
#[derive(Clone, Debug)]
pub struct MeshRequest {
    /// The destination, as `namespace/name`.
    pub workload: String,
    /// The request for DENY and ALLOW policies; `None` for a TCP connection.
    pub http: Option<Admitted>,
    /// The request for CUSTOM policies, before the validation of tokens; `None` if it equals `http`.
    pub before_tokens: Option<Box<Admitted>>,
    /// Payload of the validated token. CUSTOM policies have no access to it.
    pub claims: Option<Map<String, Value>>,
    /// Whether the connection is mutual TLS.
    pub mtls: bool,
    /// URI SANs of the client's certificate.
    pub uris: Vec<String>,
    /// DNS SANs.
    pub dns_names: Vec<String>,
    /// Subject.
    pub subject: Option<String>,
    /// Server name, lower case.
    pub sni: Option<String>,
    /// Socket peer address.
    pub source_ip: Option<IpAddr>,
    /// Client address after `X-Forwarded-For`.
    pub remote_ip: Read<Option<IpAddr>>,
    /// Local address.
    pub destination_ip: Option<IpAddr>,
    /// Local port.
    pub destination_port: Option<u16>,
}

impl MeshRequest {
    /// Calls `use_request` with the attributes for DENY and ALLOW policies.
    pub fn with<T>(&self, use_request: impl FnOnce(&Request<'_>) -> T) -> T {
        self.with_request(self.http.as_ref(), self.claims.as_ref(), use_request)
    }

    /// Calls `use_request` with the attributes for CUSTOM policies.
    pub fn with_custom<T>(&self, use_request: impl FnOnce(&Request<'_>) -> T) -> T {
        self.with_request(self.before_tokens.as_deref().or(self.http.as_ref()), None, use_request)
    }

    fn with_request<T>(
        &self,
        http: Option<&Admitted>,
        claims: Option<&Map<String, Value>>,
        use_request: impl FnOnce(&Request<'_>) -> T,
    ) -> T {
        let identities: Vec<&[u8]> =
            self.uris.iter().chain(&self.dns_names).chain(&self.subject).map(|id| id.as_bytes()).collect();
        let empty = HeaderMap::default();
        let lines = http.map_or(&empty, |h| &h.headers).iter().map(|(n, v)| (n.as_str(), v.as_slice()));
        let scheme = http.map(|h| (":scheme", h.scheme.as_slice()));
        let headers: Vec<(&str, &[u8])> = lines.chain(scheme).collect();
        use_request(&Request {
            method: http.map(|h| h.method.as_slice()),
            path: http.and_then(|h| h.path.as_deref()),
            authority: http.map(|h| h.authority.as_slice()),
            headers: &headers,
            claims,
            identities: &identities,
            source_ip: self.source_ip,
            remote_ip: self.remote_ip,
            destination_ip: self.destination_ip,
            destination_port: self.destination_port,
            server_name: self.sni.as_ref().map(|s| s.as_bytes()),
            ..Request::default()
        })
    }
}
