//! The token rules of one workload, with the fields that affect the payload of a token
//! (docs/semantics/istio.md#istio-token-rules).

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

/// A location of tokens in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A header in lower case, and the prefix before the token.
    Header(String, String),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
}

/// A header that Envoy sets from a valid token, and removes from every other request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputHeader {
    /// The name in lower case.
    pub(crate) name: String,
    /// The claim; `None` for the whole payload.
    pub(crate) claim: Option<String>,
}

/// The rule for one accepted issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRule {
    /// The issuer; empty accepts any.
    pub(crate) issuer: String,
    /// The audiences; empty accepts any.
    pub(crate) audiences: Vec<String>,
    /// The locations of tokens, in Envoy's order: headers, query parameters, cookies, each by name.
    pub(crate) sources: Vec<TokenSource>,
    /// Claims that are split at spaces.
    pub(crate) space_delimited: Vec<String>,
    /// Whether the proxy forwards a valid token.
    pub(crate) forward: bool,
    /// The headers to set, in Envoy's order.
    pub(crate) outputs: Vec<OutputHeader>,
}

/// The rules of all RequestAuthentications that apply, sorted by issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenRules {
    pub(crate) rules: Vec<TokenRule>,
}

impl TokenRules {
    /// Returns the rules that apply to `target`.
    pub(crate) fn new(cluster: &Cluster, target: &Target<'_>) -> Self {
        let policies = cluster.resources().request_authentications.iter().filter(|p| {
            let s = &p.spec;
            target.applies(&p.metadata.namespace, &s.selector, &s.target_ref, &s.target_refs)
        });
        let mut policies: Vec<_> = policies.map(|p| (&p.metadata, &p.spec)).collect();
        // Rules of one issuer stay in this order: the workload's namespace, the root namespace, then the namespaces of
        // services. In each namespace, older policies come first.
        let mesh = &cluster.resources().mesh;
        policies.sort_by_key(|(m, _)| {
            let rank = (m.namespace != target.workload.namespace, m.namespace != mesh.root_namespace);
            (rank, &m.namespace, &m.creation_timestamp, &m.name)
        });
        let rules = policies.into_iter().flat_map(|(_, spec)| spec.jwt_rules.iter().flatten());
        let mut rules: Vec<TokenRule> = rules.map(TokenRule::new).collect();
        rules.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        Self { rules }
    }
}

impl TokenRule {
    fn new(rule: &JwtRule) -> Self {
        let mut space_delimited = vec!["scope".to_string(), "permission".to_string()];
        space_delimited.extend(rule.space_delimited_claims.iter().flatten().cloned());
        Self {
            issuer: rule.issuer.clone().unwrap_or_default(),
            audiences: rule.audiences.clone().unwrap_or_default(),
            sources: sources(rule),
            space_delimited,
            forward: rule.forward_original_token.unwrap_or_default(),
            outputs: outputs(rule),
        }
    }

    /// Returns whether the rule accepts the issuer of `claims`.
    pub(crate) fn accepts_issuer(&self, claims: &Map<String, Value>) -> bool {
        let issuer = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        self.issuer.is_empty() || self.issuer == issuer
    }

    /// Returns whether the rule accepts one of the audiences of `claims`.
    pub(crate) fn accepts_audience(&self, claims: &Map<String, Value>) -> bool {
        let audiences: Vec<&str> = match claims.get("aud") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        self.audiences.is_empty()
            || self.audiences.iter().any(|accepted| audiences.iter().any(|a| same_audience(a, accepted)))
    }

    /// Returns `claims` with the rule's space-delimited claims split into lists.
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

/// Returns the locations of tokens in `rule`. Envoy keeps each kind in a map, whose keys it visits in order.
fn sources(rule: &JwtRule) -> Vec<TokenSource> {
    let header = |JwtHeader { name, prefix }: &JwtHeader| {
        (name.as_deref().unwrap_or_default().to_ascii_lowercase(), prefix.clone().unwrap_or_default())
    };
    let mut headers: Vec<(String, String)> = rule.from_headers.iter().flatten().map(header).collect();
    let mut parameters: Vec<String> = rule.from_params.iter().flatten().cloned().collect();
    let mut cookies: Vec<String> = rule.from_cookies.iter().flatten().cloned().collect();
    if headers.is_empty() && parameters.is_empty() && cookies.is_empty() {
        headers.push(("authorization".to_string(), "Bearer ".to_string()));
        parameters.push("access_token".to_string());
    }
    // The key of a header is its name followed by the prefix. Of two equal keys, the first applies.
    headers.sort_by_cached_key(|(name, prefix)| [name.as_str(), prefix].concat());
    headers.dedup_by_key(|(name, prefix)| [name.as_str(), prefix].concat());
    for names in [&mut parameters, &mut cookies] {
        names.sort();
        names.dedup();
    }
    let headers = headers.into_iter().map(|(name, prefix)| TokenSource::Header(name, prefix));
    let parameters = parameters.into_iter().map(TokenSource::Query);
    headers.chain(parameters).chain(cookies.into_iter().map(TokenSource::Cookie)).collect()
}

fn outputs(rule: &JwtRule) -> Vec<OutputHeader> {
    let payload = rule.output_payload_to_header.iter().map(|header| (header, None));
    let claims = rule.output_claim_to_headers.iter().flatten().flatten();
    let claims =
        claims.filter_map(|item| Some((item.header.as_ref()?, Some(item.claim.clone().unwrap_or_default()))));
    let named = payload.chain(claims).filter(|(header, _)| !header.is_empty());
    named.map(|(header, claim)| OutputHeader { name: header.to_ascii_lowercase(), claim }).collect()
}

/// Returns whether the registered claims have valid types. Otherwise Envoy's jwt_authn rejects the token.
pub(crate) fn is_token(claims: &Map<String, Value>) -> bool {
    let texts = |value: &Value| match value {
        Value::Array(items) => items.iter().all(Value::is_string),
        value => value.is_string(),
    };
    let time = |value: &Value| value.as_f64().is_some_and(|seconds| seconds >= 0.0);
    ["iss", "sub"].iter().all(|name| claims.get(*name).is_none_or(Value::is_string))
        && claims.get("aud").is_none_or(texts)
        && ["iat", "nbf", "exp"].iter().all(|name| claims.get(*name).is_none_or(time))
}

/// Returns whether two audiences are equal without scheme and final slash, as in Envoy's jwt_authn.
fn same_audience(a: &str, b: &str) -> bool {
    fn bare(text: &str) -> &str {
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.strip_suffix('/').unwrap_or(text)
    }
    bare(a) == bare(b)
}
