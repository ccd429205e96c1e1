//! Matches a text against literals with gaps between them ([`Glob`]) in one pass.

use super::search::find;
use crate::ir::Glob;

/// Returns whether the whole of `value` matches `glob`.
///
/// Takes time linear in the value. Each literal is matched at its first occurrence, which is the right one by the invariant
/// of [`Glob`].
pub(crate) fn matches(glob: &Glob, value: &[u8]) -> bool {
    let Some(mut rest) = value.strip_prefix(glob.head.as_bytes()) else { return false };
    let Some((last, middle)) = glob.pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let min = usize::from(piece.gap.min);
        let Some(searched) = rest.get(min..) else { return false };
        let Some(at) = find(searched, piece.literal.as_bytes()) else { return false };
        let (gap, tail) = rest.split_at_checked(min + at).unwrap_or_default();
        if !piece.gap.class.admits(gap) {
            return false;
        }
        rest = tail.get(piece.literal.len()..).unwrap_or_default();
    }
    rest.strip_suffix(last.literal.as_bytes())
        .is_some_and(|gap| gap.len() >= usize::from(last.gap.min) && last.gap.class.admits(gap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Gap, GapClass};

    const ANY: Gap = Gap { min: 0, class: GapClass::Any };
    const SOME: Gap = Gap { min: 1, class: GapClass::Any };
    const SEGMENT: Gap = Gap { min: 1, class: GapClass::TemplateSegment };

    #[test]
    fn literal_is_matched_at_its_first_occurrence() {
        let namespace = Glob::new("", [(ANY, "/ns/foo/".into()), (ANY, "".into())]);
        assert!(matches(&namespace, b"spiffe://td/ns/foo/sa/a"));
        assert!(matches(&namespace, b"x/ns/bar/ns/foo/"));
        assert!(!matches(&namespace, b"spiffe://td/ns/foo"));
        assert!(!matches(&namespace, b"spiffe://td/ns/foobar/sa/a"));
    }

    #[test]
    fn gap_with_minimum_length_does_not_match_empty_text() {
        let account = Glob::new("spiffe://", [(SOME, "/ns/a/".into()), (SOME, "/sa/b".into())]);
        assert!(matches(&account, b"spiffe://td/ns/a/x/sa/b"));
        assert!(!matches(&account, b"spiffe:///ns/a/x/sa/b"));
        assert!(!matches(&account, b"spiffe://td/ns/a//sa/b/"));
    }

    #[test]
    fn template_segment_is_not_empty_and_has_no_slash() {
        let template = Glob::new("/a/", [(SEGMENT, "".into())]);
        assert!(matches(&template, b"/a/x"));
        assert!(!matches(&template, b"/a/"));
        assert!(!matches(&template, b"/a/x/y"));
        assert!(!matches(&template, b"/a/x]"));
    }

    #[test]
    fn suffix_that_overlaps_the_head_does_not_match() {
        let both = Glob::new("aba", [(ANY, "ab".into())]);
        assert!(!matches(&both, b"abab"));
        assert!(matches(&both, b"abaab"));
        assert!(!matches(&both, b"aba\nab"));
    }
}
