//! The mesh settings on which verdicts depend: `data.mesh` of the ConfigMap `istio`.

use crate::resource::decode::{null_as_default, uint32};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::Value;

/// The fields of Istio's MeshConfig on which decisions depend.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct MeshConfig {
    /// The namespace of mesh-wide policies.
    pub root_namespace: String,
    /// The mesh's trust domain.
    pub trust_domain: String,
    /// Other names of the trust domain.
    #[serde(deserialize_with = "null_as_default")]
    pub trust_domain_aliases: Vec<String>,
    /// Further trust bundles. The handshake accepts certificates of their trust domains.
    #[serde(deserialize_with = "null_as_default")]
    pub ca_certificates: Vec<CaCertificate>,
    /// The mode of path normalization.
    #[serde(deserialize_with = "normalization")]
    pub path_normalization: PathNormalization,
    /// The external providers to which CUSTOM policies refer.
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
    /// The trust domains of the certificate.
    #[serde(deserialize_with = "null_as_default")]
    pub trust_domains: Vec<String>,
}

/// A mode of path normalization: `pathNormalization.normalization` (docs/semantics/envoy.md#envoy-path-modes).
///
/// ```
/// use palisade::resource::istio::PathNormalization;
///
/// assert_eq!("MERGE_SLASHES".parse(), Ok(PathNormalization::MergeSlashes));
/// assert_eq!(PathNormalization::default().to_string(), "BASE");
/// ```
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub enum PathNormalization {
    /// The proxy only removes the fragment.
    #[serde(rename = "NONE")]
    None,
    /// The proxy resolves dot segments, replaces backslashes and decodes unreserved characters.
    #[default]
    #[serde(rename = "BASE", alias = "DEFAULT")]
    Base,
    /// As [`Self::Base`]; then the proxy merges repeated slashes.
    #[serde(rename = "MERGE_SLASHES")]
    MergeSlashes,
    /// As [`Self::MergeSlashes`], after the proxy has decoded escaped slashes.
    #[serde(rename = "DECODE_AND_MERGE_SLASHES")]
    DecodeAndMergeSlashes,
}

impl PathNormalization {
    /// Every mode, from the one that changes least.
    pub const ALL: [Self; 4] = [Self::None, Self::Base, Self::MergeSlashes, Self::DecodeAndMergeSlashes];

    /// Returns the name in Istio's mesh settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Base => "BASE",
            Self::MergeSlashes => "MERGE_SLASHES",
            Self::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
        }
    }
}

impl fmt::Display for PathNormalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for PathNormalization {
    type Err = UnknownPathNormalization;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name).ok_or(UnknownPathNormalization)
    }
}

/// The error for a name that is not a [`PathNormalization`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPathNormalization;

impl fmt::Display for UnknownPathNormalization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the path normalization must be NONE, BASE, MERGE_SLASHES or DECODE_AND_MERGE_SLASHES")
    }
}

impl core::error::Error for UnknownPathNormalization {}

/// An extension provider. The field that is set determines its type.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Provider {
    /// The name by which policies refer to the provider.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// The settings of an HTTP authorization service.
    #[serde(alias = "envoy_ext_authz_http", skip_serializing_if = "Option::is_none")]
    pub envoy_ext_authz_http: Option<Value>,
    /// The settings of a gRPC authorization service.
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

/// Returns the number of trusted proxies in the settings `config` of a proxy, if there is one.
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
