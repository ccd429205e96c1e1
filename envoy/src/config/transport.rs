//! Transport security of a listener: TLS, QUIC and client certificates.

use serde_json::{Map, Value, json};

use super::types::TYPES;
use crate::certs::{Authority, Identity};

/// The transport security of a listener.
#[derive(Clone, Debug)]
pub enum Transport {
    /// No TLS.
    Plaintext,
    /// TLS; certificates of clients are verified with an authority.
    Tls {
        /// The authority's certificate in PEM.
        authority: String,
        /// The server's certificate and key.
        server: Identity,
        /// Whether a client must send a certificate.
        require_client_certificate: bool,
    },
    /// Mutual TLS as for Istio's waypoints: the filter chain belongs to an inner listener without TLS. Only in a bootstrap.
    Waypoint {
        /// The authority's certificate in PEM.
        authority: String,
        /// The server's certificate and key.
        server: Identity,
    },
    /// HTTP/3 over QUIC, with mutual TLS.
    Quic {
        /// The authority's certificate in PEM.
        authority: String,
        /// The server's certificate and key.
        server: Identity,
    },
}

impl Transport {
    /// Returns the transport security of PeerAuthentication mode STRICT.
    #[must_use]
    pub fn mutual_tls(authority: &Authority, server: &Identity) -> Self {
        Self::Tls { authority: authority.pem(), server: server.clone(), require_client_certificate: true }
    }

    /// Returns TLS with an optional client certificate, as on a gateway.
    #[must_use]
    pub fn tls(authority: &Authority, server: &Identity) -> Self {
        Self::Tls { authority: authority.pem(), server: server.clone(), require_client_certificate: false }
    }

    /// Returns the transport security of a waypoint.
    #[must_use]
    pub fn waypoint(authority: &Authority, server: &Identity) -> Self {
        Self::Waypoint { authority: authority.pem(), server: server.clone() }
    }

    /// Returns QUIC with the requirements of PeerAuthentication mode STRICT.
    #[must_use]
    pub fn quic(authority: &Authority, server: &Identity) -> Self {
        Self::Quic { authority: authority.pem(), server: server.clone() }
    }

    pub(super) fn is_quic(&self) -> bool {
        matches!(self, Self::Quic { .. })
    }

    pub(super) fn is_waypoint(&self) -> bool {
        matches!(self, Self::Waypoint { .. })
    }

    pub(super) fn socket(&self) -> Option<Value> {
        match self {
            Self::Plaintext => None,
            Self::Tls { authority, server, require_client_certificate } => {
                Some(tls_socket(context(authority, server, *require_client_certificate)))
            }
            Self::Waypoint { authority, server } => Some(tls_socket(context(authority, server, true))),
            Self::Quic { authority, server } => Some(json!({
                "name": "envoy.transport_sockets.quic",
                "typed_config": {
                    "@type": format!("{TYPES}.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"),
                    "downstream_tls_context": context(authority, server, true),
                },
            })),
        }
    }
}

fn tls_socket(mut context: Map<String, Value>) -> Value {
    let kind = format!("{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext");
    context.insert("@type".to_owned(), json!(kind));
    json!({"name": "envoy.transport_sockets.tls", "typed_config": context})
}

/// Returns a `DownstreamTlsContext` without its type.
fn context(authority: &str, server: &Identity, require_client_certificate: bool) -> Map<String, Value> {
    let mut context = Map::new();
    context.insert("require_client_certificate".to_owned(), json!(require_client_certificate));
    context.insert(
        "common_tls_context".to_owned(),
        json!({
            "tls_certificates": [{
                "certificate_chain": {"inline_string": server.certificate},
                "private_key": {"inline_string": server.key},
            }],
            "validation_context": {"trusted_ca": {"inline_string": authority}},
        }),
    );
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Names;

    #[test]
    fn only_mutual_tls_requires_client_certificate() {
        let mesh = Authority::new("cluster.local").unwrap();
        let server = mesh.issue(&Names::workload("cluster.local", "foo", "sample")).unwrap();
        for (transport, required) in
            [(Transport::mutual_tls(&mesh, &server), true), (Transport::tls(&mesh, &server), false)]
        {
            let socket = transport.socket().unwrap();
            assert_eq!(socket["typed_config"]["require_client_certificate"], required);
            let context = &socket["typed_config"]["common_tls_context"];
            assert_eq!(context["validation_context"]["trusted_ca"]["inline_string"], mesh.pem());
        }
    }

    #[test]
    fn quic_requires_client_certificate() {
        let mesh = Authority::new("cluster.local").unwrap();
        let server = mesh.issue(&Names::workload("cluster.local", "foo", "sample")).unwrap();
        let socket = Transport::quic(&mesh, &server).socket().unwrap();
        assert_eq!(socket["name"], "envoy.transport_sockets.quic");
        assert_eq!(socket["typed_config"]["downstream_tls_context"]["require_client_certificate"], true);
    }
}
