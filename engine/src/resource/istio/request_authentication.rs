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
    /// What tokens are accepted.
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
    /// Where the keys are.
    #[serde(alias = "jwks_uri")]
    pub jwks_uri: Option<String>,
    /// The keys themselves.
    pub jwks: Option<String>,
    /// Headers the token may stand in; replaces the defaults.
    pub from_headers: Option<Vec<JwtHeader>>,
    /// Query parameters the token may stand in; replaces the defaults.
    pub from_params: Option<Vec<String>>,
    /// Cookies the token may stand in; replaces the defaults.
    pub from_cookies: Option<Vec<String>>,
    /// Where the payload is copied to.
    pub output_payload_to_header: Option<String>,
    /// Whether the token is passed on.
    pub forward_original_token: Option<bool>,
    /// Claims copied to headers.
    pub output_claim_to_headers: Option<Vec<Option<ClaimToHeader>>>,
    /// Limit on fetching keys, such as `5s`.
    pub timeout: Option<String>,
    /// Claims that are split on spaces, beside `scope` and `permission`.
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
    /// Claim; dots are steps into objects.
    pub claim: Option<String>,
}

/// A header that may carry the token.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtHeader {
    /// Header name.
    pub name: Option<String>,
    /// What stands before the token.
    pub prefix: Option<String>,
}
