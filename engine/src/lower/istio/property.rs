//! The properties of connections and requests that an AuthorizationPolicy restricts: one for each pair of a field and its
//! `not` form, and for each condition key.

use super::{
    Chain, RuleContext, identity,
    path::path,
    string::text,
    trust_domain,
    value::{Dropped, Invalid, cidr, port},
};
use crate::{
    ir::{AddressAttribute, PortRange, Predicate, RequestPrincipalPattern, Text, TextAttribute},
    request::ClaimName,
    resource::istio::Action,
};
use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};

/// A property that a field or a condition restricts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    Principal,
    RequestPrincipal,
    ServiceAccount,
    Namespace,
    TrustDomain,
    SourceIp,
    RemoteIp,
    DestinationIp,
    DestinationPort,
    Host,
    Method,
    Path,
    Audience,
    Presenter,
    ServerName,
    /// A header; `None` if the key contains no valid name.
    Header(Option<TextAttribute>),
    /// A claim; `None` if the key contains no valid name.
    Claim(Option<Box<[ClaimName]>>),
}

pub(crate) const HEADERS: &str = "request.headers";
pub(crate) const CLAIMS: &str = "request.auth.claims";

impl Property {
    /// Returns the property of a condition `key` (docs/semantics/istio.md#istio-condition-keys).
    pub(crate) fn of_key(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix(HEADERS) {
            return Some(Self::Header(in_brackets(name).map(header)));
        }
        if let Some(name) = key.strip_prefix(CLAIMS) {
            return Some(Self::Claim(claim_path(name)));
        }
        Some(match key {
            "source.ip" => Self::SourceIp,
            "source.namespace" => Self::Namespace,
            "source.principal" => Self::Principal,
            "source.serviceAccount" => Self::ServiceAccount,
            "source.trustDomain" => Self::TrustDomain,
            "remote.ip" => Self::RemoteIp,
            "request.auth.principal" => Self::RequestPrincipal,
            "request.auth.audiences" => Self::Audience,
            "request.auth.presenter" => Self::Presenter,
            "destination.ip" => Self::DestinationIp,
            "destination.port" => Self::DestinationPort,
            "connection.sni" => Self::ServerName,
            _ => return None,
        })
    }

    /// Returns whether the property is an identity or a token, which CUSTOM policies cannot restrict.
    pub(crate) fn is_identity(&self) -> bool {
        matches!(
            self,
            Self::Principal
                | Self::RequestPrincipal
                | Self::ServiceAccount
                | Self::Namespace
                | Self::TrustDomain
                | Self::Audience
                | Self::Presenter
                | Self::Claim(_)
        )
    }

    /// Returns whether the property exists only for an HTTP request (docs/semantics/istio.md#istio-http-only-fields).
    pub(crate) fn is_http(&self) -> bool {
        match self {
            Self::RequestPrincipal
            | Self::Host
            | Self::Method
            | Self::Path
            | Self::Audience
            | Self::Presenter
            | Self::Header(_)
            | Self::Claim(_) => true,
            Self::Principal
            | Self::ServiceAccount
            | Self::Namespace
            | Self::TrustDomain
            | Self::SourceIp
            | Self::RemoteIp
            | Self::DestinationIp
            | Self::DestinationPort
            | Self::ServerName => false,
        }
    }
}

impl RuleContext<'_> {
    /// Returns the predicate for `values` of `property`, or `None` if no value is valid.
    pub(super) fn predicate(
        &self,
        property: &Property,
        values: &[String],
    ) -> Result<Option<Predicate>, Dropped> {
        if self.chain == Chain::Tcp && property.is_http() {
            return self.patterns(values, |_| Err::<[Text; 0], _>(Invalid)).map(|_| None);
        }
        let texts = |attribute, pattern: &dyn Fn(&str) -> Text| {
            let patterns = self.patterns(values, |value| Ok([pattern(value)]))?;
            Ok(patterns.map(|patterns| Predicate::Text(attribute, patterns)))
        };
        let identities = |patterns: &dyn Fn(&str) -> Vec<Text>| {
            let patterns = self.patterns(values, |value| Ok(patterns(value)))?;
            Ok(patterns.map(|patterns| Predicate::Text(TextAttribute::Identity, patterns)))
        };
        let addresses = |attribute| {
            let blocks = self.patterns(values, |value| Ok([cidr(value).ok_or(Invalid)?]))?;
            Ok(blocks.map(|blocks| Predicate::Address(attribute, blocks)))
        };
        let non_empty = |value: &str| text(value, Text::NonEmpty);
        let present = |value: &str| text(value, Text::Present);
        match property {
            Property::Principal => identities(&|value| self.principal(value)),
            Property::ServiceAccount => {
                texts(TextAttribute::Identity, &|value| identity::service_account(value, self.namespace))
            }
            Property::Namespace => texts(TextAttribute::Identity, &identity::namespace),
            Property::TrustDomain => identities(&|value| self.trust_domain(value)),
            Property::RequestPrincipal => {
                let patterns = self.patterns(values, |value| Ok([request_principal(value)]))?;
                Ok(patterns.map(Predicate::RequestPrincipal))
            }
            Property::SourceIp => addresses(AddressAttribute::SourceIp),
            Property::RemoteIp => addresses(AddressAttribute::RemoteIp),
            Property::DestinationIp => addresses(AddressAttribute::DestinationIp),
            Property::DestinationPort => {
                let ranges =
                    self.patterns(values, |value| Ok([PortRange::single(port(value).ok_or(Invalid)?)]))?;
                Ok(ranges.map(Predicate::Port))
            }
            Property::Host => texts(TextAttribute::Host, &|value| present(&value.to_ascii_lowercase())),
            Property::Method => texts(TextAttribute::Method, &present),
            Property::Path => texts(TextAttribute::Path, &path),
            Property::Audience => texts(claim("aud"), &non_empty),
            Property::Presenter => texts(claim("azp"), &non_empty),
            Property::ServerName => texts(TextAttribute::ServerName, &non_empty),
            Property::Header(Some(attribute)) => texts(attribute.clone(), &present),
            Property::Claim(Some(path)) => texts(TextAttribute::Claim(path.clone()), &non_empty),
            Property::Header(None) | Property::Claim(None) => {
                self.patterns(values, |_| Err::<[Text; 0], _>(Invalid)).map(|_| None)
            }
        }
    }

    /// Returns the patterns of the valid values, or `None` if there is none. An invalid value of an ALLOW rule drops the rule
    /// (docs/semantics/istio.md#istio-invalid-values).
    fn patterns<P, I: IntoIterator<Item = P>>(
        &self,
        values: &[String],
        compile: impl Fn(&str) -> Result<I, Invalid>,
    ) -> Result<Option<Box<[P]>>, Dropped> {
        let mut patterns = Vec::with_capacity(values.len());
        for value in values {
            match compile(value) {
                Ok(compiled) => patterns.extend(compiled),
                Err(Invalid) if self.action == Action::Allow => return Err(Dropped),
                Err(Invalid) => {}
            }
        }
        Ok((!patterns.is_empty()).then(|| patterns.into()))
    }

    /// Returns the patterns of a principal, for its trust domain and each alias.
    fn principal(&self, value: &str) -> Vec<Text> {
        trust_domain::principals(value, self.mesh).iter().map(|p| identity::principal(p)).collect()
    }

    /// Returns the patterns of a trust domain and its aliases.
    fn trust_domain(&self, value: &str) -> Vec<Text> {
        trust_domain::trust_domains(value, self.mesh).into_iter().map(identity::trust_domain).collect()
    }
}

/// Returns the patterns of issuer and subject, split at the last slash (docs/semantics/istio.md#istio-request-principals).
fn request_principal(value: &str) -> RequestPrincipalPattern {
    let exact = |text: &str| Text::Exact(text.into());
    let (issuer, subject) = if value == "*" {
        (Text::NonEmpty, Text::NonEmpty)
    } else if let Some(rest) = value.strip_prefix('*') {
        match rest.rsplit_once('/') {
            Some(("", subject)) => (Text::NonEmpty, exact(subject)),
            Some((issuer, subject)) => (Text::Suffix(issuer.into()), exact(subject)),
            None => (Text::NonEmpty, Text::Suffix(rest.into())),
        }
    } else if let Some(rest) = value.strip_suffix('*') {
        match rest.rsplit_once('/') {
            Some((issuer, "")) => (exact(issuer), Text::NonEmpty),
            Some((issuer, subject)) => (exact(issuer), Text::Prefix(subject.into())),
            None => (Text::Prefix(rest.into()), Text::NonEmpty),
        }
    } else {
        let (issuer, subject) = value.rsplit_once('/').unwrap_or((value, ""));
        (exact(issuer), exact(subject))
    };
    RequestPrincipalPattern { issuer, subject }
}

fn claim(name: &'static str) -> TextAttribute {
    TextAttribute::Claim([ClaimName::Borrowed(name)].into())
}

/// Returns the attribute of the header `name` (docs/semantics/istio.md#istio-header-names).
fn header(name: &str) -> TextAttribute {
    match name.to_ascii_lowercase().as_str() {
        ":path" => TextAttribute::PathAndQuery,
        ":method" => TextAttribute::Method,
        ":authority" | "host" => TextAttribute::Authority,
        _ => TextAttribute::Header(name.into()),
    }
}

/// Returns the text between a leading `[` and a final `]`.
fn in_brackets(text: &str) -> Option<&str> {
    text.strip_prefix('[')?.strip_suffix(']')
}

/// Returns the path a, b of `[a][b]`. Other brackets are part of a single name.
fn claim_path(text: &str) -> Option<Box<[ClaimName]>> {
    let inner = in_brackets(text)?;
    let parts: Vec<&str> = inner.split("][").collect();
    if parts.iter().any(|part| part.contains(['[', ']'])) {
        return Some([ClaimName::Owned(inner.to_owned())].into());
    }
    Some(parts.into_iter().map(|part| ClaimName::Owned(part.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_principals_split_at_the_last_slash() {
        let exact = |t: &str| Text::Exact(t.into());
        for (value, issuer, subject) in [
            ("*", Text::NonEmpty, Text::NonEmpty),
            ("foo*", Text::Prefix("foo".into()), Text::NonEmpty),
            ("foo/*", exact("foo"), Text::NonEmpty),
            ("foo/bar*", exact("foo"), Text::Prefix("bar".into())),
            ("*bar/foo", Text::Suffix("bar".into()), exact("foo")),
            ("*/*", Text::NonEmpty, exact("*")),
            ("*foo", Text::NonEmpty, Text::Suffix("foo".into())),
            ("https://a/b/c", exact("https://a/b"), exact("c")),
            ("foo", exact("foo"), exact("")),
        ] {
            assert_eq!(request_principal(value), RequestPrincipalPattern { issuer, subject }, "{value}");
        }
    }

    #[test]
    fn nested_claims_are_paths_and_stray_brackets_are_part_of_a_name() {
        let path = |text: &str| claim_path(text).map(|p| p.join("|"));
        assert_eq!(path("[a]").as_deref(), Some("a"));
        assert_eq!(path("[a][b]").as_deref(), Some("a|b"));
        assert_eq!(path("[a.b]").as_deref(), Some("a.b"));
        assert_eq!(path("[a]b]").as_deref(), Some("a]b"));
        assert_eq!(path("a"), None);
    }

    #[test]
    fn host_is_an_alias_of_the_authority() {
        assert_eq!(header("Host"), TextAttribute::Authority);
        assert_eq!(header("X-Token"), TextAttribute::Header("x-token".into()));
    }
}
