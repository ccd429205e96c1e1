//! The settings of Envoy's connection manager that change what policies see, and the connection of a request.

use super::normalize::NormalizationVersion;
use crate::resource::istio::PathNormalization;
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// The settings of the proxy that receives a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Path normalization of the mesh.
    pub normalization: PathNormalization,
    /// Envoy's behaviour for dot segments with parameters.
    pub version: NormalizationVersion,
    /// Whether it is a gateway (`use_remote_address`): it appends the peer to `X-Forwarded-For` and believes only its
    /// own trusted proxies.
    pub gateway: bool,
    /// `numTrustedProxies`.
    pub trusted_proxies: u32,
    /// What happens to `X-Forwarded-Client-Cert`.
    pub client_certificate: ForwardClientCertificate,
    /// The parts of the client's certificate that the proxy writes there.
    pub certificate_details: CertificateDetails,
    /// Whether a request without `X-Request-ID` gets one.
    pub generates_request_id: bool,
    /// Whether the proxy sets `X-Forwarded-Port`.
    pub appends_forwarded_port: bool,
    /// Whether HTTP/1.0 is accepted.
    pub accepts_http_1_0: bool,
    /// Whether Istio's metadata exchange takes `x-envoy-peer-metadata` out of a request.
    pub exchanges_metadata: bool,
    /// Whether what is malformed or ambiguous is refused, though Envoy lets it pass.
    pub strict: bool,
}

/// `forward_client_cert_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardClientCertificate {
    /// The header is removed.
    #[default]
    Sanitize,
    /// It is kept under mutual TLS, and removed otherwise.
    ForwardOnly,
    /// Under mutual TLS the client's certificate is appended; otherwise the header is removed.
    AppendForward,
    /// Under mutual TLS the client's certificate replaces it; otherwise it is removed.
    SanitizeSet,
    /// It is kept.
    AlwaysForwardOnly,
}

/// `set_current_client_cert_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CertificateDetails {
    /// `Subject`.
    pub subject: bool,
    /// `URI`.
    pub uri: bool,
    /// `DNS`.
    pub dns: bool,
    /// `Cert`.
    pub certificate: bool,
    /// `Chain`.
    pub chain: bool,
}

/// The connection on which a request arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downstream {
    /// Address of the socket's peer.
    pub peer: Option<IpAddr>,
    /// The proxy's own address.
    pub local: Option<IpAddr>,
    /// The port that the client connects to.
    pub port: Option<u16>,
    /// Whether the proxy terminates TLS.
    pub tls: bool,
    /// The client's certificate, if it shows one.
    pub certificate: Option<ClientCertificate>,
    /// The URI SAN of the proxy's own certificate.
    pub identity: Option<String>,
}

/// The names in a client's certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// URI SANs.
    pub uris: Vec<String>,
    /// DNS SANs.
    pub dns_names: Vec<String>,
    /// Subject, RFC 2253.
    pub subject: String,
}

impl Proxy {
    /// A sidecar as istiod configures it by default.
    pub fn sidecar() -> Self {
        Self {
            normalization: PathNormalization::Base,
            version: NormalizationVersion::default(),
            gateway: false,
            trusted_proxies: 0,
            client_certificate: ForwardClientCertificate::AppendForward,
            certificate_details: CertificateDetails {
                subject: true,
                uri: true,
                dns: true,
                ..CertificateDetails::default()
            },
            generates_request_id: true,
            appends_forwarded_port: false,
            accepts_http_1_0: false,
            exchanges_metadata: true,
            strict: false,
        }
    }

    /// A gateway as istiod configures it by default.
    pub fn gateway() -> Self {
        let sidecar = Self::sidecar();
        Self {
            gateway: true,
            client_certificate: ForwardClientCertificate::SanitizeSet,
            certificate_details: CertificateDetails { certificate: true, ..sidecar.certificate_details },
            exchanges_metadata: false,
            ..sidecar
        }
    }

    /// A waypoint as istiod configures it by default.
    pub fn waypoint() -> Self {
        Self {
            client_certificate: ForwardClientCertificate::Sanitize,
            exchanges_metadata: false,
            ..Self::sidecar()
        }
    }
}

impl Downstream {
    /// A connection in clear text from `peer`.
    pub fn plaintext(peer: Option<IpAddr>) -> Self {
        Self { peer, ..Self::default() }
    }
}
