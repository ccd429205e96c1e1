//! Matches literals with gaps ([`Glob`]) in one pass.

use super::search::find;
use crate::ir::Glob;

/// Whether the whole of `value` matches. Linear in the value: each literal is taken at its earliest place, which
/// [`Glob`]'s invariant makes the right one.
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
    fn gaps_take_the_earliest_place() {
        let namespace = Glob::new("", [(ANY, "/ns/foo/".into()), (ANY, "".into())]);
        assert!(matches(&namespace, b"spiffe://td/ns/foo/sa/a"));
        assert!(matches(&namespace, b"x/ns/bar/ns/foo/"));
        assert!(!matches(&namespace, b"spiffe://td/ns/foo"));
        assert!(!matches(&namespace, b"spiffe://td/ns/foobar/sa/a"));
    }

    #[test]
    fn a_gap_may_ask_for_a_byte() {
        let account = Glob::new("spiffe://", [(SOME, "/ns/a/".into()), (SOME, "/sa/b".into())]);
        assert!(matches(&account, b"spiffe://td/ns/a/x/sa/b"));
        assert!(!matches(&account, b"spiffe:///ns/a/x/sa/b"));
        assert!(!matches(&account, b"spiffe://td/ns/a//sa/b/"));
    }

    #[test]
    fn a_segment_is_not_empty_and_holds_no_slash() {
        let template = Glob::new("/a/", [(SEGMENT, "".into())]);
        assert!(matches(&template, b"/a/x"));
        assert!(!matches(&template, b"/a/"));
        assert!(!matches(&template, b"/a/x/y"));
        assert!(!matches(&template, b"/a/x]"));
    }

    #[test]
    fn the_suffix_may_not_overlap_the_head() {
        let both = Glob::new("aba", [(ANY, "ab".into())]);
        assert!(!matches(&both, b"abab"));
        assert!(matches(&both, b"abaab"));
        assert!(!matches(&both, b"aba\nab"));
    }
}
