//! The tokens of a flow, as a client writes them into its request.

use super::types::{Token, TokenFault, TokenLocation};
use crate::{
    http::HttpRequest,
    lower::istio::tokens::{TokenRule, TokenRules, TokenSource, is_token},
};
use alloc::{borrow::Cow, format, vec::Vec};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

/// A token and its text.
#[derive(Debug)]
pub(super) struct SentToken<'t> {
    pub(super) token: &'t Token,
    pub(super) text: Cow<'t, str>,
}

/// The reason for which Envoy does not accept a token for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenError {
    /// The provider does not expect the token's issuer at this location.
    UnknownIssuer,
    /// Another failed check, with the status of the response.
    Refused(u16),
}

/// Returns the text of each token: its own text, or a generated one with its payload.
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

/// Adds `tokens` to `request` at their locations.
pub(super) fn attach<'r>(
    request: &'r HttpRequest,
    tokens: &[SentToken<'_>],
    rules: &TokenRules,
) -> Cow<'r, HttpRequest> {
    let mut request = Cow::Borrowed(request);
    for SentToken { token, text } in
        tokens.iter().filter(|sent| sent.token.location != TokenLocation::Written)
    {
        let request = request.to_mut();
        match &token.location {
            TokenLocation::Authorization => {
                request.headers.push(("authorization".into(), format!("Bearer {text}").into_bytes()));
            }
            TokenLocation::Header(name) => {
                let prefix = prefix(name, rules);
                request.headers.push((name.clone(), format!("{prefix}{text}").into_bytes()));
            }
            TokenLocation::Query(name) => add_to_query(&mut request.target, &format!("{name}={text}")),
            TokenLocation::Cookie(name) => {
                request.headers.push(("cookie".into(), format!("{name}={text}").into_bytes()));
            }
            TokenLocation::Written => {}
        }
    }
    request
}

/// Returns the prefix of a token in the header `name`: that of the first rule for this header.
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

/// The parts of a token's text that Envoy splits at dots, without empty parts.
#[derive(Debug)]
pub(super) struct TokenParts<'t> {
    head: &'t [u8],
    pub(super) payload: &'t [u8],
    signature: &'t [u8],
}

impl<'t> TokenParts<'t> {
    /// Returns the parts of `text`, or `None` unless there are three.
    pub(super) fn of(text: &'t [u8]) -> Option<Self> {
        let mut parts = text.split(|b| *b == b'.').filter(|part| !part.is_empty());
        let (head, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        parts.next().is_none().then_some(Self { head, payload, signature })
    }

    /// Returns whether both have the same signed text, which is the first two parts as written.
    fn has_content_of(&self, other: &TokenParts<'_>) -> bool {
        (self.head, self.payload) == (other.head, other.payload)
    }

    /// Returns the signature without white space and padding, which Envoy's decoder skips, or `None` if it is invalid.
    fn signature(&self) -> Option<Vec<u8>> {
        let is_space = |b: &u8| b.is_ascii_whitespace() || *b == 0x0b;
        let mut text: Vec<u8> = self.signature.iter().copied().filter(|b| !is_space(b)).collect();
        let padding = text.iter().rev().take_while(|b| **b == b'=').count();
        text.truncate(text.len().saturating_sub(padding));
        let expected = match text.len() % 4 {
            0 => 0,
            2 => 2,
            3 => 1,
            _ => return None,
        };
        let is_text = text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (is_text && (padding == 0 || padding == expected)).then_some(text)
    }
}

/// Checks the token `found` in a request against `rule`, and returns the equal token of `tokens`.
///
/// # Errors
///
/// The first failed check. A text that equals no token of `tokens` has an invalid signature.
pub(super) fn check_text<'t>(
    found: &TokenParts<'_>,
    tokens: &[SentToken<'t>],
    rule: &TokenRule,
) -> Result<&'t Token, TokenError> {
    // Envoy decodes the signature before it checks issuer and audience.
    let signature = found.signature().ok_or(TokenError::Refused(401))?;
    let mut altered = None;
    for sent in tokens {
        let parts = TokenParts::of(sent.text.as_bytes()).filter(|parts| parts.has_content_of(found));
        let Some(parts) = parts else { continue };
        if parts.signature().as_ref() == Some(&signature) {
            return check(sent.token, rule).map(|()| sent.token);
        }
        altered = Some(sent.token);
    }
    if let Some(token) = altered {
        check(token, rule)?;
    }
    Err(TokenError::Refused(401))
}

/// Checks `token` against `rule` in Envoy's order: form, issuer, time, audience, signature.
///
/// # Errors
///
/// The first check that fails.
fn check(token: &Token, rule: &TokenRule) -> Result<(), TokenError> {
    let fault = |fault| token.fault == Some(fault);
    if fault(TokenFault::Malformed) || !is_token(&token.claims) {
        Err(TokenError::Refused(401))
    } else if fault(TokenFault::Issuer) || !rule.accepts_issuer(&token.claims) {
        Err(TokenError::UnknownIssuer)
    } else if fault(TokenFault::Expired) {
        Err(TokenError::Refused(401))
    } else if fault(TokenFault::Audience) || !rule.accepts_audience(&token.claims) {
        Err(TokenError::Refused(403))
    } else if fault(TokenFault::Signature) {
        Err(TokenError::Refused(401))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};

    #[test]
    fn query_parameter_is_added_before_fragment() {
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
    fn signature_with_white_space_or_padding_is_valid() {
        let same = |text: &str| {
            let [found, sent] = [text, "a.b.cdefgh"].map(|text| TokenParts::of(text.as_bytes()));
            found.is_some_and(|found| {
                let signature = found.signature();
                let same =
                    |sent: TokenParts<'_>| sent.has_content_of(&found) && sent.signature() == signature;
                signature.is_some() && sent.is_some_and(same)
            })
        };
        for text in ["a.b.cdefgh", ".a..b.cdefgh.", "a.b.cdefgh ", "a.b.cd ef\tgh", "a.b.cdefgh=="] {
            assert!(same(text), "{text}");
        }
        for text in
            ["a.b .cdefgh", " a.b.cdefgh", "a.b.cdefgh=", "a.b.cdefgh,", "a.b.cdefgh.d", "a.b", "a.b.=cdefgh"]
        {
            assert!(!same(text), "{text}");
        }
    }

    #[test]
    fn generated_text_of_token_has_its_payload() {
        let mut token = Token::default();
        token.claims.insert("iss".to_string(), "i".into());
        let tokens = [token.clone(), token];
        let [first, second] = &texts(&tokens)[..] else { panic!("two texts") };
        assert!(first.text.starts_with("eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJpIn0."));
        assert_ne!(first.text, second.text);
    }
}
