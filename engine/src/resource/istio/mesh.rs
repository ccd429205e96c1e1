//! The mesh settings that change a verdict: `data.mesh` of the ConfigMap `istio`.

use crate::resource::decode::{null_as_default, uint32};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// The part of Istio's MeshConfig that is read.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshConfig {
    /// Namespace whose policies are mesh-wide.
    pub root_namespace: String,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// Other names of the trust domain.
    #[serde(deserialize_with = "null_as_default")]
    pub trust_domain_aliases: Vec<String>,
    /// Foreign trust bundles; their trust domains are let in by the handshake.
    #[serde(deserialize_with = "null_as_default")]
    pub ca_certificates: Vec<CaCertificate>,
    /// How paths are normalized.
    #[serde(deserialize_with = "normalization")]
    pub path_normalization: PathNormalization,
    /// External providers that CUSTOM policies may name.
    #[serde(alias = "extension_providers", deserialize_with = "null_as_default")]
    pub extension_providers: Vec<Provider>,
    /// Settings of every proxy: `gatewayTopology`, `proxyHeaders`.
    #[serde(deserialize_with = "proxy_config")]
    pub default_config: Option<Value>,
}

/// An item of `caCertificates`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct CaCertificate {
    /// Trust domains the certificate stands for.
    #[serde(deserialize_with = "null_as_default")]
    pub trust_domains: Vec<String>,
}

/// `pathNormalization.normalization` (docs/semantics/envoy.md#envoy-path-modes).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum PathNormalization {
    /// Only the fragment is dropped.
    #[serde(rename = "NONE")]
    None,
    /// Dot segments, backslashes and unreserved escapes.
    #[default]
    #[serde(rename = "BASE", alias = "DEFAULT")]
    Base,
    /// The same, and repeated slashes become one.
    #[serde(rename = "MERGE_SLASHES")]
    MergeSlashes,
    /// Escaped slashes are decoded first.
    #[serde(rename = "DECODE_AND_MERGE_SLASHES")]
    DecodeAndMergeSlashes,
}

/// An external provider; which of its fields is set tells its type.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Provider {
    /// Name that policies use.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Set for an HTTP authorization service.
    #[serde(alias = "envoy_ext_authz_http", skip_serializing_if = "Option::is_none")]
    pub envoy_ext_authz_http: Option<Value>,
    /// Set for a gRPC authorization service.
    #[serde(alias = "envoy_ext_authz_grpc", skip_serializing_if = "Option::is_none")]
    pub envoy_ext_authz_grpc: Option<Value>,
}

impl Default for MeshConfig {
    fn default() -> Self {
        Self {
            root_namespace: "istio-system".to_string(),
            trust_domain: "cluster.local".to_string(),
            trust_domain_aliases: Vec::new(),
            ca_certificates: Vec::new(),
            path_normalization: PathNormalization::Base,
            extension_providers: Vec::new(),
            default_config: None,
        }
    }
}

/// The annotation by which a pod overrides parts of the mesh's `defaultConfig`.
pub(crate) const PROXY_CONFIG: &str = "proxy.istio.io/config";

/// The JSON pointer to the number of trusted proxies in the settings of a proxy.
const TRUSTED_PROXIES: &str = "/gatewayTopology/numTrustedProxies";

/// The number of trusted proxies in the settings `config` of a proxy, if they have one.
///
/// # Errors
///
/// The value is not a number within the limits.
pub(crate) fn trusted_proxies(config: &Value) -> Result<Option<u32>, String> {
    let number = config.pointer(TRUSTED_PROXIES).map(uint32).transpose();
    number.map_err(|why| format!("gatewayTopology.numTrustedProxies {why}"))
}

fn proxy_config<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let config = Option::<Value>::deserialize(deserializer)?;
    config.as_ref().map_or(Ok(None), trusted_proxies).map_err(D::Error::custom)?;
    Ok(config)
}

fn normalization<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathNormalization, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Wrapper {
        normalization: PathNormalization,
    }
    Option::<Wrapper>::deserialize(deserializer).map(|w| w.unwrap_or_default().normalization)
}
