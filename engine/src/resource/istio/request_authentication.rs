//! RequestAuthentication, as written.

use super::{TargetRef, WorkloadSelector};
use alloc::{string::String, vec::Vec};
use serde::Deserialize;

/// `spec` of a RequestAuthentication.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestAuthenticationSpec {
    /// The workloads it applies to.
    pub selector: Option<WorkloadSelector>,
    /// The gateway or service it applies to (deprecated form).
    pub target_ref: Option<TargetRef>,
    /// The gateways or services it applies to.
    pub target_refs: Option<Vec<TargetRef>>,
    /// The accepted tokens.
    pub jwt_rules: Option<Vec<JwtRule>>,
}

/// One accepted issuer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtRule {
    /// Issuer; empty accepts any.
    pub issuer: Option<String>,
    /// Accepted audiences; empty accepts any.
    pub audiences: Option<Vec<String>>,
    /// The URL of the keys.
    #[serde(alias = "jwks_uri")]
    pub jwks_uri: Option<String>,
    /// The keys.
    pub jwks: Option<String>,
    /// Headers that can contain the token, instead of the default headers.
    pub from_headers: Option<Vec<JwtHeader>>,
    /// Query parameters that can contain the token, instead of the default parameters.
    pub from_params: Option<Vec<String>>,
    /// Cookies that can contain the token, instead of the default cookies.
    pub from_cookies: Option<Vec<String>>,
    /// The header to which the payload is copied.
    pub output_payload_to_header: Option<String>,
    /// Whether the proxy forwards the token.
    pub forward_original_token: Option<bool>,
    /// Claims copied to headers.
    pub output_claim_to_headers: Option<Vec<Option<ClaimToHeader>>>,
    /// The timeout of a request for the keys, such as `5s`.
    pub timeout: Option<String>,
    /// Claims that are split at spaces, in addition to `scope` and `permission`.
    pub space_delimited_claims: Option<Vec<String>>,
    /// Whether a request needs a token. istiod 1.31 accepts the field and does not use it.
    pub presence: Option<Presence>,
}

/// `presence` of a JwtRule.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Presence {
    /// A request may have no token.
    Optional,
    /// A request must have a token.
    Required,
}

/// A claim that is copied to a header.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimToHeader {
    /// Header name.
    pub header: Option<String>,
    /// Claim; dots separate the names of nested objects.
    pub claim: Option<String>,
}

/// A header that can contain the token.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtHeader {
    /// Header name.
    pub name: Option<String>,
    /// The text before the token.
    pub prefix: Option<String>,
}
