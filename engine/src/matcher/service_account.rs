//! Matches SPIFFE IDs of one service account.

const SCHEME: &[u8] = b"spiffe://";

/// Returns whether `value` matches `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?`.
///
/// Takes time linear in the value. Only the first occurrence of the namespace is tried, because the text after it contains
/// the text after every later one.
pub(crate) fn matches(namespace: &str, account: &str, value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(SCHEME) else { return false };
    if rest.contains(&b'\n') {
        return false;
    }
    let Some(path) = after_segment(rest, b"/ns/", namespace).find_map(|after| after.strip_prefix(b"/"))
    else {
        return false;
    };
    let ends = |after: &[u8]| matches!(after, [] | [b'/', _, ..]);
    path.strip_prefix(b"sa/").and_then(|p| p.strip_prefix(account.as_bytes())).is_some_and(ends)
        || after_segment(path, b"/sa/", account).any(ends)
}

/// Returns the text after each occurrence of `key` and `name` that follows at least one byte.
fn after_segment<'v>(text: &'v [u8], key: &'static [u8], name: &'v str) -> impl Iterator<Item = &'v [u8]> {
    let slashes = memchr::memchr_iter(b'/', text).filter(|at| *at > 0);
    slashes.filter_map(move |at| text.get(at..)?.strip_prefix(key)?.strip_prefix(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_segments_before_between_and_after_are_allowed() {
        for (id, expected) in [
            ("spiffe://td/ns/a/sa/b", true),
            ("spiffe://td/x/ns/a/y/z/sa/b/w", true),
            ("spiffe://td/ns/a/ns/a/sa/b", true),
            ("spiffe://td/ns/a/sa/x/sa/b", true),
            ("spiffe://td/ns/x/ns/a/sa/b", true),
            ("spiffe:///ns/a/sa/b", false),
            ("spiffe://x/ns/a/sa/b/", false),
            ("spiffe://td/ns/a/sa/bc", false),
            ("spiffe://td/ns/a/xsa/b", false),
            ("spiffe://td/ns/a//sa/b", false),
            ("spiffe://td/ns/ab/sa/b", false),
            ("spiffe://td/ns/a/sa/b/\n", false),
            ("td/ns/a/sa/b", false),
            ("spiffe://", false),
        ] {
            assert_eq!(matches("a", "b", id.as_bytes()), expected, "{id}");
        }
    }

    #[test]
    fn namespace_and_account_named_as_the_keys_match() {
        assert!(matches("ns", "sa", b"spiffe://td/ns/ns/sa/sa"));
        assert!(matches("ns", "sa", b"spiffe://td/ns/ns/ns/sa/sa/sa"));
        assert!(matches("a", "b", b"spiffe://td/ns/ns/a/sa/sa/b"));
    }
}
