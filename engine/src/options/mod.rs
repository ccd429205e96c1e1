//! The semantics to apply: versions and settings of Istio, Envoy and Cilium, and the profile.

mod groups;
mod version;

pub use groups::{
    AdvancedNetworkPolicies, AllowLocalhost, CidrMatch, CiliumOptions, DnsRefusal, EnforcementMode,
    EnvoyOptions, IstioOptions,
};
pub use version::{CiliumVersion, EnvoyVersion, IstioVersion, VersionError};

use crate::{switches::CompileSwitches, whole_number::with_limits};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value};

/// The decision in documented traps, and further policies that a platform rejects.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Decides as Istio, Envoy and Cilium do.
    #[default]
    Compat,
    /// Never more permissive than compat; denies in documented traps of compat.
    Strict,
    /// Decides as compat; policies that Azure's advanced container networking services reject are errors.
    #[serde(rename = "azure-acns")]
    AzureAcns,
}

impl Profile {
    /// Returns the name of the profile in case files and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Strict => "strict",
            Self::AzureAcns => "azure-acns",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The semantics to apply. The defaults are those of Cilium 1.20, Istio 1.31 and Envoy 1.40.
///
/// JSON and case files have no groups: the fields of all groups are in one object.
///
/// ```
/// use palisade::{CiliumVersion, Options};
///
/// let mut options = Options::default();
/// options.cilium.version = CiliumVersion::V1_19;
/// assert!(options.cilium.default_local_cluster());
/// assert_eq!(options, serde_json::from_str(r#"{"ciliumVersion": "1.19"}"#).unwrap());
/// ```
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(try_from = "Schema")]
#[non_exhaustive]
pub struct Options {
    /// The profile.
    pub profile: Profile,
    /// The options of Istio.
    #[serde(flatten)]
    pub istio: IstioOptions,
    /// The options of Envoy.
    #[serde(flatten)]
    pub envoy: EnvoyOptions,
    /// The options of Cilium.
    #[serde(flatten)]
    pub cilium: CiliumOptions,
    /// Optimizations of compilation, for tests.
    #[doc(hidden)]
    #[serde(skip)]
    pub switches: CompileSwitches,
}

/// [`Options`] with the fields that no group has. serde cannot combine `flatten` with `deny_unknown_fields`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Schema {
    profile: Profile,
    #[serde(flatten)]
    istio: IstioOptions,
    #[serde(flatten)]
    envoy: EnvoyOptions,
    #[serde(flatten)]
    cilium: CiliumOptions,
    #[serde(flatten)]
    unknown: BTreeMap<String, IgnoredAny>,
}

impl TryFrom<Schema> for Options {
    type Error = String;

    fn try_from(schema: Schema) -> Result<Self, String> {
        let Schema { profile, istio, envoy, cilium, unknown } = schema;
        match unknown.into_keys().next() {
            None => Ok(Self { profile, istio, envoy, cilium, switches: CompileSwitches::default() }),
            Some(name) => Err(format!("unknown option `{name}`, expected one of {}", names().join(", "))),
        }
    }
}

/// Returns the name of each option.
fn names() -> Vec<String> {
    match serde_json::to_value(Options::default()) {
        Ok(Value::Object(fields)) => fields.into_iter().map(|(name, _)| format!("`{name}`")).collect(),
        _ => Vec::new(),
    }
}

impl Options {
    /// Returns the options of a JSON object, with the names of case files.
    ///
    /// ```
    /// use palisade::Options;
    ///
    /// let fields = serde_json::json!({"envoyVersion": "banana"});
    /// let error = Options::from_fields(fields.as_object().unwrap()).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "invalid option `envoyVersion`: unknown Envoy version `banana`, supported: 1.36 to 1.40"
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// The first option that is unknown or has an invalid value.
    pub fn from_fields(fields: &Map<String, Value>) -> Result<Self, OptionError> {
        let read = |fields: Map<String, Value>| serde_json::from_value::<Self>(Value::Object(fields));
        read(fields.clone()).map_err(|error| {
            // serde does not name the field of a flattened group, so the fields are read one by one.
            let invalid = fields.iter().find_map(|(name, value)| {
                let error = read([(name.clone(), value.clone())].into_iter().collect()).err()?;
                Some((name.clone(), error))
            });
            let (option, error) = invalid.unwrap_or((String::new(), error));
            OptionError { option, reason: with_limits(&error.to_string()) }
        })
    }
}

/// An unknown option, or an option with an invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    option: String,
    reason: String,
}

impl OptionError {
    /// Returns the name of the option.
    pub fn option(&self) -> &str {
        &self.option
    }

    /// Returns the reason, without the name of a known option.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.starts_with("unknown option") {
            return f.write_str(&self.reason);
        }
        write!(f, "invalid option `{}`: {}", self.option, self.reason)
    }
}

impl core::error::Error for OptionError {}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(fields: Value) -> String {
        Options::from_fields(fields.as_object().unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn invalid_value_names_option_value_and_limits() {
        assert_eq!(
            error(json!({"ipv6": true, "istioVersion": "0.1"})),
            "invalid option `istioVersion`: unknown Istio version `0.1`, supported: 1.31"
        );
        let message = error(json!({"tofqdnsMinTtl": 4_294_967_296_u64}));
        assert!(message.starts_with("invalid option `tofqdnsMinTtl`: "), "{message}");
        assert!(message.contains("from 0 to 4294967295"), "{message}");
        assert!(error(json!({"ciliumVersion": 1.2})).contains("expected a string"));
        assert!(error(json!({"cidrMatch": ["moon"]})).contains("`moon`"));
    }

    #[test]
    fn unknown_option_lists_known_options() {
        let message = error(json!({"moon": 1}));
        assert!(
            message.starts_with("unknown option `moon`, expected one of `advancedNetworkPolicies`, "),
            "{message}"
        );
    }

    #[test]
    fn serialized_options_are_one_object() {
        let mut options = Options { profile: Profile::AzureAcns, ..Options::default() };
        options.cilium.cidr_match_mode = alloc::vec![CidrMatch::Nodes];
        options.envoy.version = "1.39.0".parse().unwrap();
        let fields = serde_json::to_value(&options).unwrap();
        assert_eq!(fields["cidrMatch"], json!(["nodes"]));
        assert_eq!(fields["envoyVersion"], "1.39.0");
        assert_eq!(Options::from_fields(fields.as_object().unwrap()), Ok(options));
    }
}
