//! RequestAuthentications of one workload, as far as the payload of a token decides (`spec/istio.md` 6).

use super::attachment::Target;
use crate::{
    cluster::Cluster,
    resource::istio::{JwtHeader, JwtRule},
};
use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec,
    vec::Vec,
};
use serde_json::{Map, Value};

/// Where a token may stand, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A header, lower case, behind a prefix.
    Header(String, String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
}

/// One accepted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRule {
    /// Empty accepts any.
    pub(crate) issuer: String,
    /// Empty accepts any.
    pub(crate) audiences: Vec<String>,
    pub(crate) sources: Vec<TokenSource>,
    /// Claims split on spaces.
    pub(crate) space_delimited: Vec<String>,
}

/// The rules of all RequestAuthentications that apply, sorted by issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenRules {
    pub(crate) rules: Vec<TokenRule>,
}

impl TokenRules {
    /// The rules that apply to `target`.
    pub(crate) fn new(cluster: &Cluster, target: &Target<'_>) -> Self {
        let policies = cluster.resources().request_authentications.iter().filter(|p| {
            let s = &p.spec;
            target.applies(&p.metadata.namespace, &s.selector, &s.target_ref, &s.target_refs)
        });
        let mut rules: Vec<TokenRule> =
            policies.flat_map(|p| p.spec.jwt_rules.iter().flatten()).map(TokenRule::new).collect();
        rules.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        Self { rules }
    }
}

impl TokenRule {
    fn new(rule: &JwtRule) -> Self {
        let mut sources = Vec::new();
        for header in rule.from_headers.iter().flatten() {
            let JwtHeader { name, prefix } = header;
            let name = name.as_deref().unwrap_or_default().to_ascii_lowercase();
            sources.push(TokenSource::Header(name, prefix.clone().unwrap_or_default()));
        }
        sources.extend(rule.from_params.iter().flatten().cloned().map(TokenSource::Query));
        sources.extend(rule.from_cookies.iter().flatten().cloned().map(TokenSource::Cookie));
        if sources.is_empty() {
            sources = vec![
                TokenSource::Header("authorization".to_string(), "Bearer ".to_string()),
                TokenSource::Query("access_token".to_string()),
            ];
        }
        let mut space_delimited = vec!["scope".to_string(), "permission".to_string()];
        space_delimited.extend(rule.space_delimited_claims.iter().flatten().cloned());
        Self {
            issuer: rule.issuer.clone().unwrap_or_default(),
            audiences: rule.audiences.clone().unwrap_or_default(),
            sources,
            space_delimited,
        }
    }

    /// Whether the rule accepts the issuer and the audience of `claims`; the error is the status.
    pub(crate) fn accepts(&self, claims: &Map<String, Value>) -> Result<(), u16> {
        if !is_token(claims) {
            return Err(401);
        }
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        if !self.issuer.is_empty() && self.issuer != issuer {
            return Err(401);
        }
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let accepted = self.audiences.is_empty()
            || self.audiences.iter().any(|wanted| audiences.iter().any(|a| same_audience(a, wanted)));
        if accepted { Ok(()) } else { Err(403) }
    }

    /// `claims` with the rule's space-delimited ones split into lists.
    pub(crate) fn payload(&self, claims: &Map<String, Value>) -> Map<String, Value> {
        let mut payload = claims.clone();
        for name in &self.space_delimited {
            if let Some(value) = payload.get_mut(name)
                && let Value::String(text) = value
            {
                let parts = text.split(' ').filter(|p| !p.is_empty());
                *value = Value::Array(parts.map(|p| Value::String(p.to_owned())).collect());
            }
        }
        payload
    }
}

/// Whether the registered claims have the types without which Envoy's jwt_authn takes it for no token.
fn is_token(claims: &Map<String, Value>) -> bool {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().all(Value::is_string),
        value => value.is_string(),
    };
    let time = |value: &Value| value.as_f64().is_some_and(|seconds| seconds >= 0.0);
    ["iss", "sub"].iter().all(|name| claims.get(*name).is_none_or(Value::is_string))
        && claims.get("aud").is_none_or(texts)
        && ["iat", "nbf", "exp"].iter().all(|name| claims.get(*name).is_none_or(time))
}

/// Audiences compare without scheme and final slash, as Envoy's jwt_authn does.
fn same_audience(a: &str, b: &str) -> bool {
    fn bare(text: &str) -> &str {
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.strip_suffix('/').unwrap_or(text)
    }
    bare(a) == bare(b)
}
