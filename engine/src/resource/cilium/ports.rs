//! `toPorts` and `icmps`.

use super::{L7Rules, List, Secret, list};
use alloc::string::String;
use serde::Deserialize;
use serde_json::Value;

/// An item of `toPorts`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortRule {
    /// The ports.
    #[serde(deserialize_with = "list")]
    pub ports: List<PortProtocol>,
    /// The L7 rules of these ports.
    pub rules: Option<L7Rules>,
    /// TLS server names.
    pub server_names: List<String>,
    /// TLS that the proxy terminates.
    #[serde(rename = "terminatingTLS")]
    pub terminating_tls: Option<TlsContext>,
    /// TLS that the proxy originates.
    #[serde(rename = "originatingTLS")]
    pub originating_tls: Option<TlsContext>,
    /// An Envoy listener that receives the traffic.
    pub listener: Option<Listener>,
}

/// One port or range.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortProtocol {
    /// Number or name.
    pub port: Option<String>,
    /// Last port of a range.
    pub end_port: Option<i32>,
    /// Protocol; absent means TCP, UDP and SCTP.
    pub protocol: Option<String>,
}

/// Certificates and keys for TLS.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsContext {
    /// The Secret that contains them.
    pub secret: Option<Secret>,
    /// File name of the trusted certificates.
    #[serde(rename = "trustedCA")]
    pub trusted_ca: Option<String>,
    /// File name of the certificate.
    pub certificate: Option<String>,
    /// File name of the key.
    pub private_key: Option<String>,
}

/// An Envoy listener.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Listener {
    /// The CiliumEnvoyConfig that defines it.
    pub envoy_config: Option<EnvoyConfig>,
    /// The name of the listener.
    pub name: Option<String>,
    /// The priority among redirects.
    pub priority: Option<i64>,
}

/// A CiliumEnvoyConfig by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnvoyConfig {
    /// `CiliumEnvoyConfig` or `CiliumClusterwideEnvoyConfig`.
    pub kind: Option<String>,
    /// Name.
    pub name: Option<String>,
}

/// An item of `icmps`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IcmpRule {
    /// The types.
    #[serde(deserialize_with = "list")]
    pub fields: List<IcmpField>,
}

/// One ICMP type.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IcmpField {
    /// `IPv4` (default) or `IPv6`.
    pub family: Option<String>,
    /// Number or CamelCase name.
    #[serde(rename = "type")]
    pub kind: Option<Value>,
}
