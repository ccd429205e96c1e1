//! Istio's general string pattern (docs/semantics/istio.md#istio-string-patterns).

use crate::ir::Text;

/// Returns the pattern of `pattern`: `*` is `present`, a leading star is a suffix, a trailing star is a prefix, and any
/// other text is literal. A value with both stars is a suffix whose final star is literal.
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
    fn leading_star_precedes_trailing_star_and_others_are_literal() {
        let t = |pattern| text(pattern, Text::NonEmpty);
        assert_eq!(t("*"), Text::NonEmpty);
        assert_eq!(t("*foo*"), Text::Suffix("foo*".into()));
        assert_eq!(t("**"), Text::Suffix("*".into()));
        assert_eq!(t("foo*"), Text::Prefix("foo".into()));
        assert_eq!(t("a*b"), Text::Exact("a*b".into()));
        assert_eq!(t(""), Text::Exact("".into()));
    }
}
