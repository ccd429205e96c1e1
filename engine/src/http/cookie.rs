//! Parses cookies as Envoy's `Utility::parseCookies` does.

/// Returns the value of the first cookie `name` in `lines`, the values of the `Cookie` headers.
pub(crate) fn cookie<'h>(lines: impl Iterator<Item = &'h [u8]>, name: &str) -> Option<&'h [u8]> {
    lines.flat_map(|line| line.split(|b| *b == b';')).find_map(|pair| {
        let start = pair.iter().position(|b| *b != b' ')?;
        let equals = pair.iter().position(|b| *b == b'=')?;
        (pair.get(start..equals)? == name.as_bytes())
            .then(|| unquoted(pair.get(equals + 1..).unwrap_or_default()))
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::cookie;

    #[test]
    fn first_cookie_of_a_name_is_returned() {
        for (lines, expected) in [
            (&["c=1"][..], Some("1")),
            (&["a=b; c=1; d"], Some("1")),
            (&["a=b;c=1;"], Some("1")),
            (&["c=1", "c=2"], Some("1")),
            (&["x", " c=\"1\""], Some("1")),
            (&["c=\"1"], Some("\"1")),
            (&["c=\"1\" ; z"], Some("\"1\" ")),
            (&["c=a=b"], Some("a=b")),
            (&["c=; c=1"], Some("")),
            (&["c=\""], Some("\"")),
            (&["c = 1"], None),
            (&["C=1"], None),
            (&["c"], None),
            (&["x=1, c=1"], None),
            (&[], None),
        ] {
            let lines = lines.iter().map(|line| line.as_bytes());
            assert_eq!(cookie(lines, "c"), expected.map(str::as_bytes));
        }
    }
}
