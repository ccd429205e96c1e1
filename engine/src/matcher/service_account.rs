//! Matches SPIFFE ids of one service account.

const SCHEME: &[u8] = b"spiffe://";

/// Whether `value` is `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?`. Linear in the value: any later place of the
/// namespace lies in what follows the earliest one, so trying that one is enough.
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

/// What follows `key` and `name`, wherever both stand behind at least one byte.
fn after_segment<'v>(text: &'v [u8], key: &'static [u8], name: &'v str) -> impl Iterator<Item = &'v [u8]> {
    let slashes = memchr::memchr_iter(b'/', text).filter(|at| *at > 0);
    slashes.filter_map(move |at| text.get(at..)?.strip_prefix(key)?.strip_prefix(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_may_stand_before_between_and_behind() {
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
    fn names_that_look_like_keys_are_found() {
        assert!(matches("ns", "sa", b"spiffe://td/ns/ns/sa/sa"));
        assert!(matches("ns", "sa", b"spiffe://td/ns/ns/ns/sa/sa/sa"));
        assert!(matches("a", "b", b"spiffe://td/ns/ns/a/sa/sa/b"));
    }
}
