//! The tokens of a flow as text in its request, as a client sends them.

use super::{HttpRequest, Token, TokenFault, TokenPlace};
use crate::lower::istio::tokens::{TokenRule, TokenRules, TokenSource, is_token};
use alloc::{borrow::Cow, format, vec::Vec};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

/// A token and its text.
#[derive(Debug)]
pub(super) struct SentToken<'t> {
    pub(super) token: &'t Token,
    pub(super) text: Cow<'t, str>,
}

/// Why Envoy does not accept a token for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The provider does not expect the token's issuer at this place.
    UnknownIssuer,
    /// Anything else, with the status of the response.
    Refused(u16),
}

/// The text of each token: its own, or a stand-in with its payload.
pub(super) fn texts(tokens: &[Token]) -> Vec<SentToken<'_>> {
    tokens.iter().enumerate().map(|(number, token)| SentToken { token, text: text(number, token) }).collect()
}

fn text(number: usize, token: &Token) -> Cow<'_, str> {
    match (&token.text, token.fault) {
        (Some(text), _) => text.as_str().into(),
        (None, Some(TokenFault::Malformed)) => "a.b.c".into(),
        (None, _) => {
            let head = BASE64.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
            let payload = BASE64.encode(serde_json::to_string(&token.claims).unwrap_or_default());
            format!("{head}.{payload}.{}", BASE64.encode(format!("signature {number}"))).into()
        }
    }
}

/// `request` with `tokens` at their places.
pub(super) fn attach<'r>(
    request: &'r HttpRequest,
    tokens: &[SentToken<'_>],
    rules: &TokenRules,
) -> Cow<'r, HttpRequest> {
    let mut request = Cow::Borrowed(request);
    for SentToken { token, text } in tokens.iter().filter(|sent| sent.token.place != TokenPlace::Written) {
        let request = request.to_mut();
        match &token.place {
            TokenPlace::Authorization => {
                request.headers.push(("authorization".into(), format!("Bearer {text}").into_bytes()));
            }
            TokenPlace::Header(name) => {
                let prefix = prefix(name, rules);
                request.headers.push((name.clone(), format!("{prefix}{text}").into_bytes()));
            }
            TokenPlace::Query(name) => add_to_query(&mut request.target, &format!("{name}={text}")),
            TokenPlace::Cookie(name) => {
                request.headers.push(("cookie".into(), format!("{name}={text}").into_bytes()));
            }
            TokenPlace::Written => {}
        }
    }
    request
}

/// What stands before a token in the header `name`: the prefix of the first rule that reads this header.
fn prefix<'r>(name: &str, rules: &'r TokenRules) -> &'r str {
    let sources = rules.rules.iter().flat_map(|rule| &rule.sources);
    let mut prefixes = sources.filter_map(|source| match source {
        TokenSource::Header(header, prefix) if header.eq_ignore_ascii_case(name) => Some(prefix.as_str()),
        _ => None,
    });
    prefixes.next().unwrap_or_default()
}

/// Adds `parameter` before the fragment, which is not part of the query.
fn add_to_query(target: &mut Vec<u8>, parameter: &str) {
    let end = target.iter().position(|b| *b == b'#').unwrap_or(target.len());
    let has_query = target.iter().take(end).any(|b| *b == b'?');
    let joint = if has_query { '&' } else { '?' };
    target.splice(end..end, format!("{joint}{parameter}").into_bytes());
}

/// Checks `token` against `rule` in Envoy's order: form, issuer, time, audience, signature.
///
/// # Errors
///
/// The first check that fails.
pub(super) fn check(token: &Token, rule: &TokenRule) -> Result<(), Failure> {
    let fault = |fault| token.fault == Some(fault);
    if fault(TokenFault::Malformed) || !is_token(&token.claims) {
        Err(Failure::Refused(401))
    } else if fault(TokenFault::Issuer) || !rule.accepts_issuer(&token.claims) {
        Err(Failure::UnknownIssuer)
    } else if fault(TokenFault::Expired) {
        Err(Failure::Refused(401))
    } else if fault(TokenFault::Audience) || !rule.accepts_audience(&token.claims) {
        Err(Failure::Refused(403))
    } else if fault(TokenFault::Signature) {
        Err(Failure::Refused(401))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

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

    #[test]
    fn the_stand_in_of_a_token_has_its_payload() {
        let mut token = Token::default();
        token.claims.insert("iss".to_string(), "i".into());
        let tokens = [token.clone(), token];
        let [first, second] = &texts(&tokens)[..] else { panic!("two texts") };
        assert!(first.text.starts_with("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJpIn0."));
        assert_ne!(first.text, second.text);
    }
}
