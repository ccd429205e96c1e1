//! L7 rules.

use super::{List, list};
use alloc::string::String;
use serde::Deserialize;
use serde_json::Value;

/// `rules` of a `toPorts` item.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct L7Rules {
    /// HTTP requests.
    #[serde(deserialize_with = "list")]
    pub http: List<HttpRule>,
    /// DNS names that can be looked up.
    #[serde(deserialize_with = "list")]
    pub dns: List<DnsRule>,
    /// Kafka; removed in Cilium 1.20, which ignores it without a message (docs/semantics/cilium.md#cilium-removed-parsers).
    pub kafka: Option<Value>,
    /// The parser of `l7`; also removed.
    pub l7proto: Option<String>,
    /// Rules of another parser; also removed.
    pub l7: Option<Value>,
}

/// An item of `http`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HttpRule {
    /// A regular expression for the path with its query.
    pub path: Option<String>,
    /// A regular expression for the method.
    pub method: Option<String>,
    /// A regular expression for the authority with its port.
    pub host: Option<String>,
    /// `Name: value`, or a name that must be present.
    pub headers: List<String>,
    /// Headers with an action on a mismatch.
    #[serde(deserialize_with = "list")]
    pub header_matches: List<HeaderMatch>,
}

/// An item of `headerMatches`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HeaderMatch {
    /// `LOG`, `ADD`, `DELETE`, `REPLACE`; if absent, the rule does not match on a mismatch.
    pub mismatch: Option<String>,
    /// The header.
    pub name: Option<String>,
    /// The Secret that contains the value.
    pub secret: Option<Secret>,
    /// The value.
    pub value: Option<String>,
}

/// A Secret by name.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Secret {
    /// Namespace.
    pub namespace: Option<String>,
    /// Name.
    pub name: Option<String>,
}

/// An item of `dns`. If both fields are set, one of them must match.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DnsRule {
    /// A name.
    pub match_name: Option<String>,
    /// A pattern.
    pub match_pattern: Option<String>,
}
