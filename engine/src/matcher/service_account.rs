//! Matches SPIFFE ids of one service account.

const SCHEME: &[u8] = b"spiffe://";

/// Whether `value` is `spiffe://.+/ns/NAMESPACE/(.+/|)sa/ACCOUNT(/.+)?`. Linear in the value: any later place of the
/// namespace lies in what follows the earliest one, so trying that one is enough.
pub(crate) fn matches(namespace: &str, account: &str, value: &[u8]) -> bool {
    let Some(rest) = value.strip_prefix(SCHEME) else { return false };
    if rest.contains(&b'\n') {
        return false;
    }
    let behind = |text: &[u8], name: &str| -> Option<usize> {
        text.strip_prefix(name.as_bytes()).map(|tail| text.len() - tail.len())
    };
    let namespace = memchr::memmem::find_iter(rest.get(1..).unwrap_or_default(), b"/ns/").find_map(|at| {
        let after = rest.get(at + 5..)?;
        after.get(behind(after, namespace)?..)?.strip_prefix(b"/")
    });
    let Some(path) = namespace else { return false };
    let ends = |after: &[u8]| match behind(after, account).and_then(|at| after.get(at..)) {
        Some([]) => true,
        Some([b'/', more @ ..]) => !more.is_empty(),
        _ => false,
    };
    path.strip_prefix(b"sa/").is_some_and(ends)
        || memchr::memmem::find_iter(path.get(1..).unwrap_or_default(), b"/sa/")
            .any(|at| path.get(at + 5..).is_some_and(ends))
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
    }
}
