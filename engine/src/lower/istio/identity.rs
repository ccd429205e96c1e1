//! Patterns of peer identities (docs/semantics/istio.md#istio-principals).

use crate::ir::{Gap, GapClass, Glob, Text};
use alloc::{boxed::Box, format, string::String, vec::Vec};

const ANY: Gap = Gap { min: 0, class: GapClass::Any };
const NOT_SLASH: Gap = Gap { min: 0, class: GapClass::NotSlash };
const SCHEME: &str = "spiffe://";

/// Returns the pattern of a principal, with the prefix `spiffe://`.
pub(super) fn principal(value: &str) -> Text {
    if value == "*" {
        Text::NonEmpty
    } else if let Some(suffix) = value.strip_prefix('*') {
        Text::Glob(Glob::new(SCHEME, [(ANY, suffix.into())]))
    } else if let Some(prefix) = value.strip_suffix('*') {
        Text::Prefix(format!("{SCHEME}{prefix}").into())
    } else {
        Text::Exact(format!("{SCHEME}{value}").into())
    }
}

/// Returns the pattern of a namespace: `.*/ns/VALUE/.*`, in which every star is a gap.
pub(super) fn namespace(value: &str) -> Text {
    let literal = format!("/ns/{value}/");
    let mut pieces: Vec<(Gap, Box<str>)> = literal.split('*').map(|part| (ANY, Box::from(part))).collect();
    pieces.push((ANY, "".into()));
    Text::Glob(Glob::new("", pieces))
}

/// Returns the pattern of a service account: `NS/SA`, or `SA` in the policy's namespace.
pub(super) fn service_account(value: &str, policy_namespace: &str) -> Text {
    let (namespace, account) = value.split_once('/').unwrap_or((policy_namespace, value));
    Text::ServiceAccount { namespace: namespace.into(), account: account.into() }
}

/// Returns the pattern of a trust domain with at most one star, which does not match a slash.
pub(super) fn trust_domain(value: &str) -> Text {
    match value.split_once('*') {
        None => Text::Prefix(format!("{SCHEME}{value}/").into()),
        Some(("", "")) => Text::Prefix(SCHEME.into()),
        Some((head, tail)) => {
            let head: String = format!("{SCHEME}{head}");
            Text::Glob(Glob::new(&head, [(NOT_SLASH, format!("{tail}/").into()), (ANY, "".into())]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::{case::CaseSensitivity, text::matches_one};

    fn m(pattern: &Text, identity: &str) -> bool {
        matches_one(pattern, CaseSensitivity::Sensitive, identity.as_bytes())
    }

    #[test]
    fn principal_with_scheme_never_matches() {
        let id = "spiffe://cluster.local/ns/a/sa/b";
        assert!(m(&principal("cluster.local/ns/a/sa/b"), id));
        assert!(!m(&principal(id), id));
        assert!(m(&principal("*/sa/b"), id));
        assert!(m(&principal("cluster.local/ns/a/*"), id));
        assert!(m(&principal("*"), "anything"));
        assert!(!m(&principal("*"), ""));
    }

    #[test]
    fn namespace_matches_at_any_position_with_stars_as_gaps() {
        assert!(m(&namespace("b"), "spiffe://td/ns/a/sa/ns/b/c"));
        assert!(m(&namespace("b"), "x/ns/b/y"));
        assert!(!m(&namespace("b"), "spiffe://td/ns/b"));
        assert!(m(&namespace("*c*"), "spiffe://td/ns/abcd/sa/x"));
        assert!(!m(&namespace("ns.*.prod"), "spiffe://cluster.local/ns/nsXanyXprod/sa/admin"));
    }

    #[test]
    fn service_account_allows_segments_between_and_after_its_parts() {
        let any = |id: &str| m(&service_account("my-ns/my-sa", "x"), id);
        assert!(any("spiffe://cluster.local/ns/my-ns/sa/my-sa"));
        assert!(any("spiffe://cluster.local/k1/v1/ns/my-ns/k2/v2/sa/my-sa/k3/v3"));
        assert!(any("spiffe://cluster.local/k/ns/my-ns/something/bar/sa/my-sa/baz"));
        assert!(!any("spiffe://ns/my-ns/sa/my-sa"));
        assert!(!any("spiffe://cluster.local/ns/my-ns-suffix/sa/my-sa"));
        assert!(!any("spiffe://cluster.local/ns/my-ns/sa/my-sa/"));
        assert!(m(&service_account("a", "ns1"), "spiffe://td/ns/ns1/sa/a"));
    }

    #[test]
    fn trust_domain_ends_at_slash() {
        assert!(m(&trust_domain("cluster.local"), "spiffe://cluster.local/ns/a"));
        assert!(!m(&trust_domain("cluster.local"), "spiffe://cluster.local.evil/ns/a"));
        assert!(m(&trust_domain("bad*"), "spiffe://badger/x"));
        assert!(m(&trust_domain("*.org"), "spiffe://a.org/x"));
        assert!(!m(&trust_domain("*.org"), "spiffe://a/b.org/x"));
        assert!(m(&trust_domain("*"), "spiffe://x"));
    }
}
