//! The compared proxies and the settings of their meshes.

use anyhow::{Result, ensure};
use palisade::{Cluster, flow::Certificate, manifest, resource::Resources};
use palisade_envoy::certs::{DnType, Names};
use serde_json::json;

/// A workload of `mesh.yaml` whose proxy is compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProxyCase {
    pub(super) name: &'static str,
    /// The index of its mesh in [`MESHES`].
    pub(super) mesh: usize,
    pub(super) security: Security,
}

/// How clients connect to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Security {
    Plaintext,
    /// TLS without a client certificate.
    Tls,
    /// TLS with a client certificate of one name.
    MutualTls,
    /// TLS with a client certificate of many names.
    ManyNames,
    /// QUIC with a client certificate of one name.
    Quic,
    /// Mutual TLS that the outer listener of a waypoint terminates.
    Waypoint,
}

const fn case(name: &'static str, mesh: usize, security: Security) -> ProxyCase {
    ProxyCase { name, mesh, security }
}

/// The proxies, in the order of their ports.
pub(super) const PROXIES: [ProxyCase; 13] = [
    case("sidecar", 0, Security::Plaintext),
    case("gateway", 0, Security::Plaintext),
    case("sidecar-with-settings", 0, Security::Plaintext),
    case("gateway-behind-proxy", 0, Security::Plaintext),
    case("sidecar-with-mtls", 0, Security::MutualTls),
    case("sidecar-with-http3", 0, Security::Quic),
    case("gateway-with-tls", 0, Security::Tls),
    case("gateway-with-mtls", 0, Security::ManyNames),
    case("waypoint", 0, Security::Waypoint),
    case("sidecar-without-normalization", 1, Security::ManyNames),
    case("gateway-behind-two-proxies", 1, Security::Plaintext),
    case("sidecar-that-merges", 2, Security::ManyNames),
    case("gateway-that-decodes", 3, Security::Tls),
];

/// The proxy whose clients use HTTP/3.
pub(super) const HTTP3: usize = 5;

/// Settings of the meshes.
pub(super) const MESHES: [&str; 4] = [
    "",
    "
pathNormalization: {normalization: NONE}
defaultConfig:
  gatewayTopology: {numTrustedProxies: 2, forwardClientCertDetails: APPEND_FORWARD}
  proxyHeaders:
    forwardedClientCert: SANITIZE_SET
    setCurrentClientCertDetails: {subject: false, uri: false, dns: true, cert: true, chain: true}",
    "
pathNormalization: {normalization: MERGE_SLASHES}
defaultConfig:
  proxyHeaders: {setCurrentClientCertDetails: {dns: false}, xForwardedPort: {enabled: true}}",
    "
pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}
defaultConfig:
  gatewayTopology: {forwardClientCertDetails: FORWARD_ONLY}
  proxyHeaders: {requestId: {disabled: true}}",
];

/// The identity in the client's certificate.
const IDENTITY: &str = "spiffe://cluster.local/ns/foo/sa/client";

/// The subject of a client's certificate of many names.
const SUBJECT: &str = "CN=client\\, a,O=o";

impl Security {
    /// Whether the listener with the HTTP filter chain terminates TLS.
    pub(super) fn is_https(self) -> bool {
        !matches!(self, Self::Plaintext | Self::Waypoint)
    }

    /// Whether the client sends a certificate.
    pub(super) fn is_mutual(self) -> bool {
        !matches!(self, Self::Plaintext | Self::Tls)
    }

    /// Returns the names in the client's certificate.
    pub(super) fn names(self) -> Names {
        let mut names = Names::spiffe(IDENTITY);
        if self == Self::ManyNames {
            names.uris.push("spiffe://cluster.local/other".into());
            names.dns = vec!["client.example".into(), "b.example".into()];
            names.subject =
                vec![(DnType::OrganizationName, "o".into()), (DnType::CommonName, "client, a".into())];
        }
        names
    }

    /// Returns the client's certificate for the engine.
    pub(super) fn certificate(self) -> Option<Certificate> {
        let Names { uris, dns, subject } = self.names();
        let subject = (!subject.is_empty()).then(|| SUBJECT.into());
        self.is_mutual().then_some(Certificate { uris, dns_names: dns, subject })
    }
}

/// Returns the workloads in a mesh with these settings.
pub(super) fn cluster(mesh: &str, ports: &[u16]) -> Result<Cluster> {
    let mut text = include_str!("mesh.yaml").to_owned();
    text += &json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "istio", "namespace": "istio-system"}, "data": {"mesh": mesh}})
    .to_string();
    for (number, port) in ports.iter().enumerate() {
        text = text.replace(&format!("number: {},", 8001 + number), &format!("number: {port},"));
    }
    let mut resources = Resources::default();
    let errors = manifest::load("mesh.yaml", &text, &mut resources);
    ensure!(errors.is_empty(), "mesh.yaml: {errors:?}");
    Ok(Cluster::new(resources).0)
}
