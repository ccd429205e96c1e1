//! Transport security of a listener: whether it speaks TLS, and whether a client must show a certificate.

use serde_json::{Value, json};

use super::TYPES;
use crate::certs::{Authority, Identity};

/// How a listener's connections are secured.
#[derive(Clone, Debug)]
pub enum Transport {
    /// No TLS.
    Plaintext,
    /// TLS as the server, certificates of clients checked against an authority.
    Tls {
        /// The authority's certificate, PEM.
        authority: String,
        /// The server's certificate and key.
        server: Identity,
        /// Whether a client without a certificate is refused.
        require_client_certificate: bool,
    },
}

impl Transport {
    /// What Istio sets up under PeerAuthentication mode STRICT.
    #[must_use]
    pub fn mutual_tls(authority: &Authority, server: &Identity) -> Self {
        Self::Tls { authority: authority.pem(), server: server.clone(), require_client_certificate: true }
    }

    /// TLS that takes a client certificate when there is one, as a gateway does.
    #[must_use]
    pub fn tls(authority: &Authority, server: &Identity) -> Self {
        Self::Tls { authority: authority.pem(), server: server.clone(), require_client_certificate: false }
    }

    pub(super) fn socket(&self) -> Option<Value> {
        let Self::Tls { authority, server, require_client_certificate } = self else { return None };
        Some(json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": format!("{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
                "require_client_certificate": require_client_certificate,
                "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": {"inline_string": server.certificate},
                        "private_key": {"inline_string": server.key},
                    }],
                    "validation_context": {"trusted_ca": {"inline_string": authority}},
                },
            },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Names;

    #[test]
    fn only_mutual_tls_requires_a_client_certificate() {
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
}
