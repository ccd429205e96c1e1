//! Envoy's filter `jwt_authn` as istiod configures it for RequestAuthentications
//! (docs/semantics/istio.md#istio-token-requirement): the validation of tokens, and the changes of headers and path.

use super::{
    claim_text::claim_text,
    token::{SentToken, TokenError, TokenParts, check_text},
};
use crate::{
    http::{self, Admitted, Query, Refusal},
    lower::istio::tokens::{TokenRule, TokenRules, TokenSource},
};
use alloc::{string::String, vec::Vec};
use serde_json::{Map, Value};

/// Checks the tokens that `rules` find in `request`, applies the changes of the filter to the request, and returns the
/// payload for policies.
///
/// The filter removes the headers for claims and payload, and sets them from each accepted token. It removes an
/// accepted token that it does not forward.
///
/// # Errors
///
/// A rule finds a token, but no requirement is satisfied. The status is 401, or 403 for another audience.
pub(super) fn authenticate(
    rules: &TokenRules,
    tokens: &[SentToken<'_>],
    request: &mut Admitted,
) -> Result<Option<Map<String, Value>>, Refusal> {
    let mut filter = Filter { tokens, request, payload: None };
    // Envoy 1.40 removes the headers of all providers first, also for a preflight.
    rules.rules.iter().for_each(|rule| filter.sanitize(rule));
    // istiod's only requirement is for paths that begin with `/`; a CONNECT has no path.
    if filter.request.path.is_none() || is_preflight(filter.request) {
        return Ok(None);
    }
    let verified = match rules.rules.as_slice() {
        [rule] => filter.verify_optional(rule),
        rules => filter.verify_any(rules),
    };
    let status = match verified {
        Ok(()) => return Ok(filter.payload),
        Err(TokenError::UnknownIssuer) => 401,
        Err(TokenError::Refused(status)) => status,
    };
    Err(Refusal::answer(status, "the token is refused"))
}

/// Envoy's alias of `:authority`.
const HOST: &str = "host";

/// A token and its location in the request.
struct Found<'t> {
    text: Vec<u8>,
    source: &'t TokenSource,
}

struct Filter<'a, 't> {
    tokens: &'a [SentToken<'t>],
    request: &'a mut Admitted,
    payload: Option<Map<String, Value>>,
}

impl Filter<'_, '_> {
    /// Checks the requirement that one provider accepts its tokens, or that each provider accepts its tokens or finds
    /// none.
    fn verify_any(&mut self, rules: &[TokenRule]) -> Result<(), TokenError> {
        let mut earlier = TokenError::UnknownIssuer;
        for rule in rules {
            match self.verify(rule) {
                Ok(true) => return Ok(()),
                // A missing token and an unknown issuer do not replace the error of another provider.
                Ok(false) | Err(TokenError::UnknownIssuer) => {}
                Err(failure) => earlier = failure,
            }
        }
        rules.iter().try_for_each(|rule| self.verify_optional(rule)).map_err(|last| match last {
            TokenError::UnknownIssuer => earlier,
            last => last,
        })
    }

    fn verify_optional(&mut self, rule: &TokenRule) -> Result<(), TokenError> {
        self.verify(rule).map(|_| ())
    }

    /// Checks every token that `rule` finds, the last location first, and returns whether there is a token. Changes to
    /// the request remain if a later token is invalid.
    fn verify(&mut self, rule: &TokenRule) -> Result<bool, TokenError> {
        self.sanitize(rule);
        let found = self.find(rule);
        for found in found.iter().rev() {
            let parts = TokenParts::of(&found.text).ok_or(TokenError::Refused(401))?;
            let token = check_text(&parts, self.tokens, rule)?;
            self.output(rule, parts.payload, &token.claims);
            if !rule.forward {
                self.remove(found.source);
            }
            self.payload = Some(rule.payload(&token.claims));
        }
        Ok(!found.is_empty())
    }

    /// Returns the tokens at the locations of `rule`, in order.
    fn find<'r>(&self, rule: &'r TokenRule) -> Vec<Found<'r>> {
        let mut found = Vec::new();
        for source in &rule.sources {
            match source {
                TokenSource::Header(name, prefix) => {
                    let values = self.values(name).filter_map(|value| after_prefix(value, prefix));
                    found.extend(values.map(|text| Found { text: text.to_vec(), source }));
                }
                TokenSource::Query(name) => {
                    let query = Query::of_path(self.path());
                    found.extend(query.first(name).map(|text| Found { text: text.to_vec(), source }));
                }
                TokenSource::Cookie(name) => {
                    let text = http::cookie(self.values("cookie"), name);
                    found.extend(text.map(|text| Found { text: text.to_vec(), source }));
                }
            }
        }
        found
    }

    fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [u8]> {
        self.request.headers.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// Returns the path with its query.
    fn path(&self) -> &[u8] {
        self.request.path.as_deref().unwrap_or_default()
    }

    /// Removes the headers that `rule` fills, so that no client can set them.
    fn sanitize(&mut self, rule: &TokenRule) {
        for output in &rule.outputs {
            self.request.headers.remove(&output.name);
        }
        if rule.outputs.iter().any(|output| output.name == HOST) {
            self.request.authority.clear();
        }
    }

    /// Adds the headers that `rule` derives from a token.
    fn output(&mut self, rule: &TokenRule, payload: &[u8], claims: &Map<String, Value>) {
        for output in &rule.outputs {
            match &output.claim {
                None => self.add(&output.name, payload),
                Some(claim) => {
                    if let Some(text) = claim_text(claims, claim) {
                        self.add(&output.name, text.as_bytes());
                    }
                }
            }
        }
    }

    /// Adds a header as Envoy does; `host` is its alias of `:authority`.
    fn add(&mut self, name: &str, value: &[u8]) {
        if name != HOST {
            return self.request.headers.add(name, value);
        }
        let authority = &mut self.request.authority;
        if !authority.is_empty() {
            authority.push(b',');
        }
        authority.extend_from_slice(value);
    }

    /// Removes a token from the request. Envoy does not change cookies.
    fn remove(&mut self, source: &TokenSource) {
        match source {
            TokenSource::Header(name, _) => self.request.headers.remove(name),
            TokenSource::Query(name) => {
                let mut query = Query::of_path(self.path());
                query.remove(name);
                self.request.path = self.request.path.as_deref().map(|path| query.replace_in(path));
            }
            TokenSource::Cookie(_) => {}
        }
    }
}

/// Returns the token in the value of a header: after `prefix` at any position, the text from the first character that a
/// token can contain. Without such a character, the token is the whole value.
fn after_prefix<'v>(value: &'v [u8], prefix: &str) -> Option<&'v [u8]> {
    if prefix.is_empty() {
        return Some(value);
    }
    let at = memchr::memmem::find(value, prefix.as_bytes())?;
    let rest = value.get(at + prefix.len()..)?;
    let is_part = |b: &u8| b.is_ascii_alphanumeric() || b"-_.".contains(b);
    Some(rest.iter().position(is_part).map_or(value, |start| rest.get(start..).unwrap_or_default()))
}

/// Returns whether `request` is a CORS preflight, which is exempt from the check and has no principal.
fn is_preflight(request: &Admitted) -> bool {
    let has = |name: &str| request.headers.iter().any(|(n, value)| n == name && !value.is_empty());
    request.method == b"OPTIONS" && has("origin") && has("access-control-request-method")
}

#[cfg(test)]
mod tests {
    use super::after_prefix;

    #[test]
    fn token_starts_after_prefix() {
        for (value, prefix, expected) in [
            ("Bearer a.b.c", "Bearer ", Some("a.b.c")),
            ("Basic x, Bearer  a.b.c", "Bearer ", Some("a.b.c")),
            ("Bearer a.b.c, d", "Bearer ", Some("a.b.c, d")),
            ("Bearer !!", "Bearer ", Some("Bearer !!")),
            ("bearer a.b.c", "Bearer ", None),
            ("Bearer", "Bearer ", None),
            ("Bearer a.b.c", "", Some("Bearer a.b.c")),
        ] {
            assert_eq!(after_prefix(value.as_bytes(), prefix), expected.map(str::as_bytes), "{value}");
        }
    }
}
