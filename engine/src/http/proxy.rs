//! The settings of Envoy's connection manager that affect policies, and the connection of a request.

use super::normalize::NormalizationVersion;
use crate::resource::istio::PathNormalization;
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

/// The settings of the proxy that receives a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// The path normalization of the mesh.
    pub normalization: PathNormalization,
    /// The treatment of dot segments with parameters.
    pub version: NormalizationVersion,
    /// Whether the proxy is a gateway (`use_remote_address`). A gateway appends the peer to `X-Forwarded-For` and
    /// trusts only its own trusted proxies.
    pub gateway: bool,
    /// `numTrustedProxies`.
    pub trusted_proxies: u32,
    /// The treatment of `X-Forwarded-Client-Cert`.
    pub client_certificate: ForwardClientCertificate,
    /// The parts of the client's certificate that the proxy writes there.
    pub certificate_details: CertificateDetails,
    /// Whether the proxy adds a missing `X-Request-ID`.
    pub generates_request_id: bool,
    /// Whether the proxy sets `X-Forwarded-Port`.
    pub appends_forwarded_port: bool,
    /// Whether HTTP/1.0 is accepted.
    pub accepts_http_1_0: bool,
    /// Whether Istio's metadata exchange removes `x-envoy-peer-metadata` from a request.
    pub exchanges_metadata: bool,
    /// Whether malformed or ambiguous requests that Envoy forwards are rejected.
    pub strict: bool,
}

/// `forward_client_cert_details`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardClientCertificate {
    /// The header is removed.
    #[default]
    Sanitize,
    /// The header is kept under mutual TLS, and removed otherwise.
    ForwardOnly,
    /// Under mutual TLS the client's certificate is appended; otherwise the header is removed.
    AppendForward,
    /// Under mutual TLS the client's certificate replaces the header; otherwise the header is removed.
    SanitizeSet,
    /// The header is kept.
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
    /// The address of the peer of the socket.
    pub peer: Option<IpAddr>,
    /// The proxy's own address.
    pub local: Option<IpAddr>,
    /// The port that the client connects to.
    pub port: Option<u16>,
    /// Whether the proxy terminates TLS.
    pub tls: bool,
    /// The client certificate, if the client presents one.
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
    /// Returns the settings of a sidecar with the defaults of istiod.
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

    /// Returns the settings of a gateway with the defaults of istiod.
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

    /// Returns the settings of a waypoint with the defaults of istiod.
    pub fn waypoint() -> Self {
        Self {
            client_certificate: ForwardClientCertificate::Sanitize,
            exchanges_metadata: false,
            ..Self::sidecar()
        }
    }
}

impl Downstream {
    /// Returns a plaintext connection from `peer`.
    pub fn plaintext(peer: Option<IpAddr>) -> Self {
        Self { peer, ..Self::default() }
    }
}
