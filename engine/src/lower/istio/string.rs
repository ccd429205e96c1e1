//! Istio's general string pattern (docs/semantics/istio.md#istio-string-patterns).

use crate::ir::Text;

/// `*` is `present`; else a leading star is a suffix, else a trailing star a prefix, else equality. Only that one
/// star is understood: the rest is literal.
pub(super) fn text(pattern: &str, present: Text) -> Text {
    if pattern == "*" {
        present
    } else if let Some(suffix) = pattern.strip_prefix('*') {
        Text::Suffix(suffix.into())
    } else if let Some(prefix) = pattern.strip_suffix('*') {
        Text::Prefix(prefix.into())
    } else {
        Text::Exact(pattern.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_star_counts_and_the_leading_one_wins() {
        let t = |pattern| text(pattern, Text::NonEmpty);
        assert_eq!(t("*"), Text::NonEmpty);
        assert_eq!(t("*foo*"), Text::Suffix("foo*".into()));
        assert_eq!(t("**"), Text::Suffix("*".into()));
        assert_eq!(t("foo*"), Text::Prefix("foo".into()));
        assert_eq!(t("a*b"), Text::Exact("a*b".into()));
        assert_eq!(t(""), Text::Exact("".into()));
    }
}
