//! A request with all its attributes in memory.

use super::attributes::{Attributes, ClaimName, Peer, Read, Shape, Unavailable, Visit};
use crate::net::Transport;
use alloc::string::String;
use core::{net::IpAddr, ops::ControlFlow};
use serde_json::{Map, Value};

/// A request with all its attributes in memory. An unset field is absent from the request.
///
/// Header names are in lower case, inline headers are joined, and the path is normalized ([`crate::http::admit`] does
/// this).
///
/// ```
/// use palisade::{Attributes, Request};
///
/// let request = Request { method: Some(b"GET"), path: Some(b"/status?x=1"), ..Request::default() };
/// assert_eq!(request.method().unwrap(), Some(&b"GET"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `:method`.
    pub method: Option<&'a [u8]>,
    /// `:path` with query, normalized.
    pub path: Option<&'a [u8]>,
    /// `:authority`.
    pub authority: Option<&'a [u8]>,
    /// Header lines, names in lower case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Payload of the validated token.
    pub claims: Option<&'a Map<String, Value>>,
    /// Dynamic metadata of other filters, by filter name.
    pub metadata: Option<&'a Map<String, Value>>,
    /// Identities of the verified peer certificate: URI SANs, DNS SANs, subject.
    pub identities: &'a [&'a [u8]],
    /// Socket peer address.
    pub source_ip: Option<IpAddr>,
    /// Client address after `X-Forwarded-For`, if it is readable.
    pub remote_ip: Read<Option<IpAddr>>,
    /// Local address.
    pub destination_ip: Option<IpAddr>,
    /// Local port.
    pub destination_port: Option<u16>,
    /// TLS server name, lower case.
    pub server_name: Option<&'a [u8]>,
    /// Protocol and port, for network policies.
    pub transport: Option<Transport>,
    /// Peer, for network policies.
    pub peer: Option<Peer<'a>>,
    /// Names of the peer's address in the DNS cache (lower case, final dot), for network policies.
    pub peer_names: &'a [&'a str],
    /// Names of the destination's port, for network policies.
    pub port_names: &'a [&'a str],
    /// Name in a DNS lookup (lower case, final dot).
    pub dns_query: Option<&'a str>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            method: None,
            path: None,
            authority: None,
            headers: &[],
            claims: None,
            metadata: None,
            identities: &[],
            source_ip: None,
            remote_ip: Ok(None),
            destination_ip: None,
            destination_port: None,
            server_name: None,
            transport: None,
            peer: None,
            peer_names: &[],
            port_names: &[],
            dns_query: None,
        }
    }
}

/// Visits the strings of `value` with this `shape`.
fn strings(value: &Value, shape: Shape, visit: Visit<'_>) {
    match (value, shape) {
        (Value::String(text), Shape::Text | Shape::TextOrList) => {
            let _ = visit(text.as_bytes());
        }
        (Value::Array(items), Shape::List | Shape::TextOrList) => {
            let _ = items.iter().filter_map(Value::as_str).try_for_each(|text| visit(text.as_bytes()));
        }
        _ => {}
    }
}

impl Attributes for Request<'_> {
    fn method(&self) -> Read<Option<&[u8]>> {
        Ok(self.method)
    }
    fn path(&self) -> Read<Option<&[u8]>> {
        Ok(self.path)
    }
    fn authority(&self) -> Read<Option<&[u8]>> {
        Ok(self.authority)
    }
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        let mut lines = self.headers.iter().filter(|(n, _)| *n == name);
        let _ = lines.try_for_each(|(_, value)| visit(value));
        Ok(())
    }
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        let mut names = path.iter();
        let first = names.next().and_then(|name| self.claims?.get(&**name));
        let found = names.try_fold(first, |value, name| match value {
            Some(Value::Object(fields)) => Some(fields.get(&**name)),
            _ => None,
        });
        if let Some(Some(value)) = found {
            strings(value, shape, visit);
        }
        Ok(())
    }
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        if let Some(value) = self.metadata.and_then(|m| m.get(filter)).and_then(|f| f.get(key)) {
            strings(value, shape, visit);
        }
        Ok(())
    }
    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        let _: ControlFlow<()> = self.identities.iter().try_for_each(|id| visit(id));
        Ok(())
    }
    fn only_identity(&self) -> Read<Option<&[u8]>> {
        Ok(match self.identities {
            [identity] => Some(identity),
            _ => None,
        })
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        Ok(self.source_ip)
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        self.remote_ip
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        Ok(self.destination_ip)
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        Ok(self.destination_port)
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        Ok(self.server_name)
    }
    fn transport(&self) -> Read<Transport> {
        self.transport.ok_or(Unavailable)
    }
    fn peer(&self) -> Read<Peer<'_>> {
        self.peer.ok_or(Unavailable)
    }
    fn peer_names(&self, visit: Visit<'_>) -> Read<()> {
        let _: ControlFlow<()> = self.peer_names.iter().try_for_each(|name| visit(name.as_bytes()));
        Ok(())
    }
    fn port_names(&self, visit: Visit<'_>) -> Read<()> {
        let _: ControlFlow<()> = self.port_names.iter().try_for_each(|name| visit(name.as_bytes()));
        Ok(())
    }
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        Ok(self.dns_query.map(str::as_bytes))
    }
}
