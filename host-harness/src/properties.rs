//! A stream as plain data, and the attributes that Envoy provides to a filter for it.
//!
//! A filter in Envoy 1.40.0 recorded the names and encodings. On an HTTP stream, `source.address` is the client's
//! address from `X-Forwarded-For`, with port 0. The certificate attributes have only the *first* URI and DNS name.

use crate::{abi::Status, header_map::HeaderMap, protobuf, value::Value};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};
use std::collections::BTreeMap;

/// The direction of a listener's traffic, as seen from the workload.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TrafficDirection {
    /// No direction.
    Unspecified,
    /// Traffic to the workload.
    #[default]
    Inbound,
    /// Traffic from the workload.
    Outbound,
}

/// The node of the proxy, as in its bootstrap.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// `node.id`.
    pub id: String,
    /// `node.cluster`.
    pub cluster: String,
    /// `node.metadata`; in Istio it has `NAMESPACE`, `LABELS` and `SERVICE_ACCOUNT`, among others.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// A downstream connection.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Envoy's number of the connection. It is not unique: over QUIC it derives from an ID that the client chooses.
    pub id: u64,
    /// Whether the connection uses TLS.
    pub tls: bool,
    /// Whether the client presented a certificate.
    pub mtls: bool,
    /// The URI names of the client's certificate, in its order.
    pub uri_sans: Vec<String>,
    /// The DNS names of the client's certificate, in its order.
    pub dns_sans: Vec<String>,
    /// The subject of the client's certificate.
    pub subject: String,
    /// The TLS server name; empty if the client sent none.
    pub server_name: String,
    /// The address of the socket's peer.
    pub source: SocketAddr,
    /// The client's address from `X-Forwarded-For`, if the connection manager uses it.
    pub forwarded: Option<IpAddr>,
    /// The local address.
    pub destination: SocketAddr,
}

/// Creates a plaintext connection with its own number.
impl Default for Connection {
    fn default() -> Self {
        static OPENED: AtomicU64 = AtomicU64::new(0);
        Self {
            id: OPENED.fetch_add(1, Ordering::Relaxed),
            tls: false,
            mtls: false,
            uri_sans: Vec::new(),
            dns_sans: Vec::new(),
            subject: String::new(),
            server_name: String::new(),
            source: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40000),
            forwarded: None,
            destination: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
        }
    }
}

/// The properties of one stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// The downstream connection.
    pub connection: Connection,
    /// The direction of the listener's traffic.
    pub direction: TrafficDirection,
    /// Whether the request uses HTTP/3.
    pub is_http3: bool,
    /// Dynamic metadata by the namespace of the filter that wrote it. The payload of a validated token is
    /// `envoy.filters.http.jwt_authn` / `payload`.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Filter state with a text form.
    pub filter_state: BTreeMap<String, Vec<u8>>,
}

/// The values in which a property is looked up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) node: &'a Node,
    /// `None` in a root context.
    pub(crate) stream: Option<&'a Stream>,
    pub(crate) request_headers: Option<&'a HeaderMap>,
    /// Whether the TLS handshake is complete; before, the certificate is not available.
    pub(crate) handshake_done: bool,
}

impl Scope<'_> {
    /// Returns the property at `path`, whose parts are separated by zero bytes.
    pub(crate) fn property(&self, path: &[u8]) -> Result<Vec<u8>, Status> {
        // As in Envoy, a separator at the end does not add an empty part.
        let path = path.strip_suffix(b"\0").unwrap_or(path);
        let mut parts = path.split(|byte| *byte == 0);
        let first = parts.next().unwrap_or_default();
        if path.is_empty() {
            return Err(Status::SerializationFailure);
        }
        parts.try_fold(self.top(first)?, Value::step)?.serialize()
    }

    fn top(&self, name: &[u8]) -> Result<Value, Status> {
        if name == b"xds" {
            return Ok(self.xds());
        }
        let stream = self.stream.ok_or(Status::NotFound)?;
        Ok(match name {
            b"connection" => self.connection(&stream.connection),
            b"connection_id" => Value::Uint(stream.connection.id),
            b"source" => peer(match stream.connection.forwarded {
                Some(ip) if self.request_headers.is_some() => SocketAddr::new(ip, 0),
                _ => stream.connection.source,
            }),
            b"destination" => peer(stream.connection.destination),
            b"request" => self.request(),
            b"metadata" => metadata(&stream.metadata),
            b"filter_state" => Value::Opaque(
                stream
                    .filter_state
                    .iter()
                    .map(|(key, value)| (key.clone().into_bytes(), Value::Bytes(value.clone())))
                    .collect(),
            ),
            _ => return Err(Status::NotFound),
        })
    }

    fn xds(&self) -> Value {
        let node = self.node;
        let mut fields = vec![field(
            "node",
            Value::Message {
                fields: vec![
                    field("id", Value::text(node.id.as_bytes())),
                    field("cluster", Value::text(node.cluster.as_bytes())),
                    field("metadata", object(&node.metadata)),
                ],
                wire: protobuf::node(&node.id, &node.cluster, &node.metadata),
            },
        )];
        if let Some(stream) = self.stream {
            let direction = match stream.direction {
                TrafficDirection::Unspecified => 0,
                TrafficDirection::Inbound => 1,
                TrafficDirection::Outbound => 2,
            };
            fields.push(field("listener_direction", Value::Int(direction)));
        }
        Value::Opaque(fields)
    }

    fn connection(&self, connection: &Connection) -> Value {
        let verified = connection.mtls && self.handshake_done;
        let mut fields = vec![
            field("id", Value::Uint(connection.id)),
            field("mtls", Value::Bool(verified)),
            field("requested_server_name", Value::text(connection.server_name.as_bytes())),
        ];
        if connection.tls {
            let subject = if verified { connection.subject.as_str() } else { "" };
            fields.push(field("subject_peer_certificate", Value::text(subject)));
            fields.push(field("tls_version", Value::text("TLSv1.3")));
        }
        let first = |names: &[String]| verified.then(|| names.first().cloned()).flatten();
        if let Some(uri) = first(&connection.uri_sans) {
            fields.push(field("uri_san_peer_certificate", Value::text(uri)));
        }
        if let Some(dns) = first(&connection.dns_sans) {
            fields.push(field("dns_san_peer_certificate", Value::text(dns)));
        }
        Value::Opaque(fields)
    }

    fn request(&self) -> Value {
        let Some(headers) = self.request_headers else { return Value::Opaque(Vec::new()) };
        let mut joined: Vec<(Vec<u8>, Value)> = Vec::new();
        for (name, value) in headers {
            match joined.iter_mut().find(|(known, _)| known == name) {
                Some((_, Value::Bytes(known))) => {
                    known.push(b',');
                    known.extend_from_slice(value);
                }
                _ => joined.push((name.clone(), Value::Bytes(value.clone()))),
            }
        }
        let protocol = if self.stream.is_some_and(|stream| stream.is_http3) { "HTTP/3" } else { "HTTP/1.1" };
        let mut fields = vec![field("protocol", Value::text(protocol))];
        for (attribute, header) in [
            ("path", ":path"),
            ("method", ":method"),
            ("host", ":authority"),
            ("scheme", ":scheme"),
            ("id", "x-request-id"),
            ("referer", "referer"),
            ("useragent", "user-agent"),
        ] {
            if let Some((_, value)) = joined.iter().find(|(name, _)| name == header.as_bytes()) {
                fields.push(field(attribute, value.clone()));
                if attribute == "path"
                    && let Value::Bytes(path) = value
                {
                    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
                    fields.push(field("url_path", Value::text(path.get(..end).unwrap_or_default())));
                }
            }
        }
        fields.push(field("headers", Value::Map(joined)));
        Value::Opaque(fields)
    }
}

fn field(name: &str, value: Value) -> (Vec<u8>, Value) {
    (name.as_bytes().to_vec(), value)
}

fn peer(address: SocketAddr) -> Value {
    Value::Opaque(vec![
        field("address", Value::text(address.to_string())),
        field("port", Value::Int(i64::from(address.port()))),
    ])
}

fn object(fields: &serde_json::Map<String, serde_json::Value>) -> Value {
    Value::Map(fields.iter().map(|(key, value)| field(key, Value::from_json(value))).collect())
}

fn metadata(namespaces: &serde_json::Map<String, serde_json::Value>) -> Value {
    let filters = namespaces
        .iter()
        .filter_map(|(name, fields)| Some(field(name, object(fields.as_object()?))))
        .collect();
    Value::Message {
        fields: vec![field("filter_metadata", Value::Opaque(filters))],
        wire: protobuf::metadata(namespaces),
    }
}

#[cfg(test)]
mod tests;
