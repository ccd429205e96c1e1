//! The changes of `jwt_authn` to a request, which later filters observe.

use crate::{
    ir::{Attribute, TextAttribute},
    resource::istio::JwtRule,
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

const JWT_FILTER: &str = "envoy.filters.http.jwt_authn";

/// The changes of `jwt_authn` to a request.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Whether any token rule applies.
    pub(super) any: bool,
    /// Headers that are removed, joined or set, in lower case.
    headers: BTreeSet<String>,
    /// Whether a query parameter is removed.
    query: bool,
}

impl Changed {
    /// Adds the changes of one token rule.
    pub(super) fn add(&mut self, rule: &JwtRule) {
        self.any = true;
        let from_headers = rule.from_headers.iter().flatten();
        let from_params = rule.from_params.as_deref().unwrap_or_default();
        let from_cookies = rule.from_cookies.as_deref().unwrap_or_default();
        let mut names: Vec<&str> = from_headers.filter_map(|header| header.name.as_deref()).collect();
        let by_default = names.is_empty() && from_params.is_empty() && from_cookies.is_empty();
        if by_default {
            names.push("authorization");
        }
        if rule.forward_original_token != Some(true) {
            self.headers.extend(names.iter().map(|name| name.to_ascii_lowercase()));
            self.query |= by_default || !from_params.is_empty();
        }
        let claims = rule.output_claim_to_headers.iter().flatten().flatten();
        let outputs = claims.filter_map(|claim| claim.header.as_deref());
        let outputs = outputs.chain(rule.output_payload_to_header.as_deref());
        self.headers.extend(outputs.map(str::to_ascii_lowercase));
    }

    /// Returns the reason for which `jwt_authn` changes the value of `attribute`, or `None` if it does not.
    pub(super) fn reason(&self, attribute: &Attribute) -> Option<String> {
        match attribute {
            Attribute::Text(TextAttribute::Header(name)) | Attribute::JoinedHeader(name) => {
                let name: &str = name;
                self.headers.contains(name).then(|| format!("the header `{name}`, which `jwt_authn` changes"))
            }
            Attribute::Text(TextAttribute::PathAndQuery) if self.query => {
                Some("the query string, from which `jwt_authn` removes the token".to_string())
            }
            Attribute::Text(TextAttribute::Claim(_)) | Attribute::RequestPrincipal => {
                Some("claims, which exist only after `jwt_authn`".to_string())
            }
            Attribute::Text(TextAttribute::Metadata { filter, .. }) if &**filter == JWT_FILTER => {
                Some("claims, which exist only after `jwt_authn`".to_string())
            }
            _ => None,
        }
    }
}
