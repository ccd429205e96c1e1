//! The configuration of Envoy's `jwt_authn` that istiod generates from RequestAuthentications
//! (docs/semantics/istio.md#istio-token-rules), and the signed tokens of a case.

use anyhow::Result;
use palisade::{
    Cluster, MeshRole, Workload,
    flow::{HttpRequest, Token, TokenFault, TokenLocation},
    resource::istio::JwtRule,
};
use palisade_envoy::token::Signer;
use serde_json::{Value, json};

/// Issuers with a key that Envoy trusts, and one with a key that it does not trust.
#[derive(Debug)]
pub(crate) struct Issuers {
    known: Signer,
    unknown: Signer,
}

/// Returns the rules that apply to a workload, sorted by issuer.
fn rules<'c>(cluster: &'c Cluster, workload: &Workload) -> Vec<&'c JwtRule> {
    let root = &cluster.resources().mesh.root_namespace;
    let applies = cluster.resources().request_authentications.iter().filter(|policy| {
        let namespace = &policy.metadata.namespace;
        let selector = policy.spec.selector.as_ref().and_then(|s| s.match_labels.as_ref());
        let gateway = match &workload.role {
            MeshRole::Waypoint(name) | MeshRole::GatewayApi(name) => Some(name),
            MeshRole::Proxy => None,
        };
        let spec = &policy.spec;
        let references: Vec<_> = spec
            .target_ref
            .iter()
            .chain(spec.target_refs.iter().flatten())
            .map(|r| r.name.as_ref())
            .collect();
        // A waypoint ignores policies without `targetRefs`.
        let attached = match references.is_empty() {
            true => !matches!(workload.role, MeshRole::Waypoint(_)),
            false => references.contains(&gateway),
        };
        attached
            && (namespace == root || *namespace == workload.namespace)
            && selector.is_none_or(|labels| workload.has_labels(labels))
    });
    let mut policies: Vec<_> = applies.collect();
    policies.sort_by_key(|p| {
        let metadata = &p.metadata;
        (metadata.namespace != workload.namespace, &metadata.creation_timestamp, &metadata.name)
    });
    let rules = policies.into_iter().flat_map(|p| p.spec.jwt_rules.iter().flatten());
    let mut rules: Vec<&JwtRule> = rules.collect();
    rules.sort_by_key(|rule| rule.issuer.as_deref().unwrap_or_default());
    rules
}

impl Issuers {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { known: Signer::new()?, unknown: Signer::new()? })
    }

    /// Returns the filter for `workload`, or `None` if no rule applies.
    pub(crate) fn filter(&self, cluster: &Cluster, workload: &Workload) -> Result<Option<Value>> {
        let rules = rules(cluster, workload);
        let jwks = self.known.jwks()?;
        let mut providers = serde_json::Map::new();
        let (mut any, mut all) = (Vec::new(), Vec::new());
        for (number, rule) in rules.iter().enumerate() {
            let name = format!("origins-{number}");
            providers.insert(name.clone(), provider(rule, &jwks));
            any.push(json!({"provider_name": name}));
            all.push(
                json!({"requires_any": {"requirements": [{"provider_name": name}, {"allow_missing": {}}]}}),
            );
        }
        let requires = match all.len() {
            0 => return Ok(None),
            1 => all.remove(0),
            _ => {
                any.push(json!({"requires_all": {"requirements": all}}));
                json!({"requires_any": {"requirements": any}})
            }
        };
        Ok(Some(json!({"name": "envoy.filters.http.jwt_authn", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": providers,
            "rules": [{"match": {"prefix": "/"}, "requires": requires}],
            "bypass_cors_preflight": true,
        }})))
    }

    /// Returns `request` with `tokens` at their places, or `None` if a token with the required fault cannot be made.
    pub(crate) fn attach(
        &self,
        cluster: &Cluster,
        workload: &Workload,
        request: &HttpRequest,
        tokens: &[Token],
    ) -> Result<Option<HttpRequest>> {
        let rules = rules(cluster, workload);
        let mut request = request.clone();
        for token in tokens {
            let Some(text) = self.text(token, &rules)? else { return Ok(None) };
            match &token.location {
                TokenLocation::Authorization => {
                    request.headers.push(("authorization".into(), format!("Bearer {text}").into_bytes()));
                }
                TokenLocation::Header(name) => {
                    let headers = rules.iter().flat_map(|rule| rule.from_headers.iter().flatten());
                    let known = |n: &&str| n.eq_ignore_ascii_case(name);
                    let prefix = headers
                        .filter(|h| h.name.as_deref().filter(known).is_some())
                        .find_map(|h| h.prefix.as_deref())
                        .unwrap_or_default();
                    request.headers.push((name.clone(), format!("{prefix}{text}").into_bytes()));
                }
                TokenLocation::Query(name) => add_to_query(&mut request.target, &format!("{name}={text}")),
                TokenLocation::Cookie(name) => {
                    request.headers.push(("cookie".into(), format!("{name}={text}").into_bytes()));
                }
                TokenLocation::Written => {}
            }
        }
        Ok(Some(request))
    }

    /// Signs a token that the filter accepts, or one with an invalid signature.
    pub(crate) fn sign(&self, claims: &serde_json::Map<String, Value>, valid: bool) -> Result<String> {
        if valid { self.known.sign(claims) } else { self.unknown.sign(claims) }
    }

    fn text(&self, token: &Token, rules: &[&JwtRule]) -> Result<Option<String>> {
        let mut claims = token.claims.clone();
        let signer = match token.fault {
            Some(TokenFault::Malformed) => return Ok(Some("a.b.c".into())),
            Some(TokenFault::Signature) => &self.unknown,
            Some(TokenFault::Expired) => {
                claims.insert("exp".into(), json!(1));
                &self.known
            }
            Some(TokenFault::Issuer) => {
                if rules.iter().any(|rule| rule.issuer.as_deref().unwrap_or_default().is_empty()) {
                    return Ok(None);
                }
                claims.insert("iss".into(), json!("https://nobody.example"));
                &self.known
            }
            Some(TokenFault::Audience) => {
                if rules.iter().any(|rule| rule.audiences.as_ref().is_none_or(Vec::is_empty)) {
                    return Ok(None);
                }
                claims.insert("aud".into(), json!("somebody-else"));
                &self.known
            }
            None => &self.known,
        };
        Ok(Some(signer.sign(&claims)?))
    }
}

fn provider(rule: &JwtRule, jwks: &str) -> Value {
    let mut split = vec!["scope", "permission"];
    split.extend(rule.space_delimited_claims.iter().flatten().map(String::as_str));
    let mut provider = json!({
        "local_jwks": {"inline_string": jwks},
        "forward": rule.forward_original_token.unwrap_or_default(),
        "forward_payload_header": rule.output_payload_to_header.as_deref().unwrap_or_default(),
        "payload_in_metadata": "payload",
        "normalize_payload_in_metadata": {"space_delimited_claims": split},
    });
    let set = |provider: &mut Value, name: &str, value: Value| provider[name] = value;
    if let Some(issuer) = rule.issuer.as_ref().filter(|issuer| !issuer.is_empty()) {
        set(&mut provider, "issuer", json!(issuer));
    }
    if let Some(audiences) = &rule.audiences {
        set(&mut provider, "audiences", json!(audiences));
    }
    let claims = rule.output_claim_to_headers.iter().flatten().flatten();
    let claims: Vec<Value> =
        claims.map(|item| json!({"header_name": item.header, "claim_name": item.claim})).collect();
    set(&mut provider, "claim_to_headers", json!(claims));
    let headers = rule.from_headers.iter().flatten();
    let headers: Vec<Value> = headers
        .map(|h| json!({"name": h.name, "value_prefix": h.prefix.as_deref().unwrap_or_default()}))
        .collect();
    let lists = [
        ("from_headers", json!(headers)),
        ("from_params", json!(rule.from_params.iter().flatten().collect::<Vec<_>>())),
        ("from_cookies", json!(rule.from_cookies.iter().flatten().collect::<Vec<_>>())),
    ];
    for (name, list) in lists {
        if list.as_array().is_some_and(|l| !l.is_empty()) {
            set(&mut provider, name, list);
        }
    }
    provider
}

/// Returns the target up to a `#`, after which no query starts.
fn add_to_query(target: &mut Vec<u8>, parameter: &str) {
    let end = target.iter().position(|b| *b == b'#').unwrap_or(target.len());
    let joint = if target[..end].contains(&b'?') { '&' } else { '?' };
    target.splice(end..end, format!("{joint}{parameter}").into_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_stands_before_the_fragment() {
        for (target, expected) in [
            ("/a", "/a?t=x"),
            ("/a?b", "/a?b&t=x"),
            ("/a#f", "/a?t=x#f"),
            ("/a?b#f?g", "/a?b&t=x#f?g"),
            ("/#?", "/?t=x#?"),
        ] {
            let mut bytes = target.as_bytes().to_vec();
            add_to_query(&mut bytes, "t=x");
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        }
    }
}
