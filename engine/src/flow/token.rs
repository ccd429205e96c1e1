//! Which token of a request counts, and what a failing one gets (`spec/istio.md` 6).

use super::{HttpRequest, Token, TokenFault, TokenPlace};
use crate::{
    http::Refusal,
    lower::istio::tokens::{TokenRule, TokenRules, TokenSource},
};
use alloc::string::String;
use serde_json::{Map, Value};

/// The payload that policies see: of the first rule, in order of issuers, that accepts a token.
///
/// # Errors
///
/// Tokens stand where rules look for them, and no rule accepts one: 401, or 403 for a wrong audience.
pub(super) fn validate(
    tokens: &[Token],
    rules: &TokenRules,
    request: &HttpRequest,
) -> Result<Option<Map<String, Value>>, Refusal> {
    if tokens.is_empty() || is_preflight(request) {
        return Ok(None);
    }
    let mut failure = None;
    for rule in &rules.rules {
        let standing = || tokens.iter().filter(|t| rule.sources.iter().any(|s| stands(&t.place, s)));
        // One rule wants every token it finds to be good; of several rules one is enough.
        let checked = standing().try_for_each(|token| check(token, rule));
        match (checked, standing().next()) {
            (Ok(()), Some(token)) => return Ok(Some(rule.payload(&token.claims))),
            (Ok(()), None) => {}
            (Err(status), _) => failure = Some(failure.unwrap_or(status).max(status)),
        }
    }
    let reason = "the token is refused";
    failure.map_or(Ok(None), |status| Err(Refusal::answer(status, reason)))
}

fn check(token: &Token, rule: &TokenRule) -> Result<(), u16> {
    match token.fault {
        Some(TokenFault::Audience) => Err(403),
        // Envoy reads issuer and audience before it verifies the signature.
        Some(TokenFault::Signature) => rule.accepts(&token.claims).and(Err(401)),
        Some(_) => Err(401),
        None => rule.accepts(&token.claims),
    }
}

fn stands(place: &TokenPlace, source: &TokenSource) -> bool {
    match (place, source) {
        (TokenPlace::Authorization, TokenSource::Header(name, prefix)) => {
            name == "authorization" && "Bearer ".starts_with(prefix.as_str())
        }
        (TokenPlace::Header(name), TokenSource::Header(wanted, _)) => name.eq_ignore_ascii_case(wanted),
        (TokenPlace::Query(name), TokenSource::Query(wanted)) => name == wanted,
        (TokenPlace::Cookie(name), TokenSource::Cookie(wanted)) => name == wanted,
        _ => false,
    }
}

/// A CORS preflight is exempt, and goes on without a principal.
fn is_preflight(request: &HttpRequest) -> bool {
    let has = |name: &str| request.headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && !v.is_empty());
    request.method == "OPTIONS" && has("origin") && has("access-control-request-method")
}
