//! `from.source` (docs/semantics/istio.md#istio-source-fields).

use super::{
    RuleContext,
    field::{Dropped, cidr_pattern, list},
    identity, trust_domain,
};
use crate::{
    ir::{Attribute, Pattern, Test, Text},
    resource::istio::Source,
};
use alloc::{vec, vec::Vec};

impl RuleContext<'_> {
    /// The tests of one source, in the order that istiod writes them.
    pub(super) fn source(&self, source: &Source) -> Result<Vec<Test>, Dropped> {
        let mut tests = Vec::new();
        let t = &mut tests;
        let (yes, no) = (list(&source.principals), list(&source.not_principals));
        self.field(t, &Attribute::Identity, yes, no, |v| Ok(self.principal(v)))?;
        let (yes, no) = (list(&source.request_principals), list(&source.not_request_principals));
        self.field(t, &Attribute::RequestPrincipal, yes, no, |v| Ok(vec![request_principal(v)]))?;
        let (yes, no) = (list(&source.service_accounts), list(&source.not_service_accounts));
        self.field(t, &Attribute::Identity, yes, no, |v| Ok(self.service_account(v)))?;
        let (yes, no) = (list(&source.namespaces), list(&source.not_namespaces));
        self.field(t, &Attribute::Identity, yes, no, |v| Ok(texts([identity::namespace(v)])))?;
        let (yes, no) = (list(&source.trust_domains), list(&source.not_trust_domains));
        self.field(t, &Attribute::Identity, yes, no, |v| Ok(self.trust_domain(v)))?;
        let (yes, no) = (list(&source.remote_ip_blocks), list(&source.not_remote_ip_blocks));
        self.field(t, &Attribute::RemoteIp, yes, no, cidr_pattern)?;
        let (yes, no) = (list(&source.ip_blocks), list(&source.not_ip_blocks));
        self.field(t, &Attribute::SourceIp, yes, no, cidr_pattern)?;
        Ok(tests)
    }

    /// The patterns of a principal, in every trust domain it stands for.
    pub(super) fn principal(&self, value: &str) -> Vec<Pattern> {
        texts(trust_domain::principals(value, self.mesh).iter().map(|p| identity::principal(p)))
    }

    /// The patterns of a service account.
    pub(super) fn service_account(&self, value: &str) -> Vec<Pattern> {
        texts([identity::service_account(value, self.namespace)])
    }

    /// The patterns of a trust domain and its aliases.
    pub(super) fn trust_domain(&self, value: &str) -> Vec<Pattern> {
        texts(trust_domain::trust_domains(value, self.mesh).into_iter().map(identity::trust_domain))
    }
}

/// Text patterns.
pub(super) fn texts(texts: impl IntoIterator<Item = Text>) -> Vec<Pattern> {
    texts.into_iter().map(Pattern::Text).collect()
}

/// Issuer and subject, split at the last slash (docs/semantics/istio.md#istio-request-principals).
pub(super) fn request_principal(value: &str) -> Pattern {
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
    Pattern::RequestPrincipal { issuer, subject }
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
            assert_eq!(request_principal(value), Pattern::RequestPrincipal { issuer, subject }, "{value}");
        }
    }
}
