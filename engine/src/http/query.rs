//! Parses and formats the query of a path as Envoy's `QueryParamsMulti` does.

use alloc::{collections::BTreeMap, vec::Vec};

/// The decoded query parameters of a path, in the order in which Envoy writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(BTreeMap<Vec<u8>, Vec<Vec<u8>>>);

impl Query {
    /// Parses the query of `path`.
    pub(crate) fn of_path(path: &[u8]) -> Self {
        let mut parameters: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let start = path.iter().position(|b| *b == b'?').map_or(path.len(), |at| at + 1);
        let mut rest = path.get(start..).unwrap_or_default();
        while !rest.is_empty() {
            let (parameter, after) = split_at(rest, b'&');
            let (name, value) = split_at(parameter, b'=');
            parameters.entry(percent_decode(name)).or_default().push(percent_decode(value));
            rest = after;
        }
        Self(parameters)
    }

    /// Returns the first value of the parameter `name`.
    pub(crate) fn first(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name.as_bytes()).and_then(|values| values.first()).map(Vec::as_slice)
    }

    /// Removes every value of the parameter `name`.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name.as_bytes());
    }

    /// Returns `path` with its parameters replaced by these. As in Envoy, nothing is encoded.
    pub(crate) fn replace_in(&self, path: &[u8]) -> Vec<u8> {
        let mut out = split_at(path, b'?').0.to_vec();
        let mut separator = b'?';
        for (name, values) in &self.0 {
            for value in values {
                out.push(separator);
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(value);
                separator = b'&';
            }
        }
        out
    }
}

/// Returns the text before and after the first `separator`.
fn split_at(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| *b == separator).unwrap_or(text.len());
    let (before, after) = text.split_at_checked(end).unwrap_or((text, &[]));
    (before, after.get(1..).unwrap_or_default())
}

/// Returns `text` with decoded escapes. A percent sign without two hexadecimal digits is unchanged.
fn percent_decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().map(|digits| digits.map(|d| char::from(d).to_digit(16)));
        rest = match (byte, digits) {
            (b'%', Some([Some(high), Some(low)])) => {
                out.push((high * 16 + low) as u8);
                after.get(2..).unwrap_or_default()
            }
            _ => {
                out.push(*byte);
                after
            }
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn removed_parameter_changes_the_query() {
        for (path, expected) in [
            ("/p?t=x", "/p"),
            ("/p?x=1&t=x&y=%20a+b&z", "/p?x=1&y= a+b&z="),
            ("/p?a&b=&=c&&d=e=f&a=2&t=x", "/p?=c&=&a=&a=2&b=&d=e=f"),
            ("/p?t=x&a=%2B%20%zz%25%26%3d%23%3F", "/p?a=+ %zz%&=#?"),
            ("/p?%74=x&t=y&T=z", "/p?T=z"),
            ("/p?&t=x&", "/p?="),
            ("/p?a?t=x&t=x", "/p?a?t=x"),
            ("/p", "/p"),
        ] {
            let mut query = Query::of_path(path.as_bytes());
            query.remove("t");
            assert_eq!(String::from_utf8(query.replace_in(path.as_bytes())).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn first_value_of_a_parameter_is_returned() {
        let first = |path: &str| Query::of_path(path.as_bytes()).first("t").map(<[u8]>::to_vec);
        assert_eq!(first("/?t=a&t=b"), Some(b"a".to_vec()));
        assert_eq!(first("/?t"), Some(Vec::new()));
        assert_eq!(first("/?a=1;t=b"), None);
        assert_eq!(first("/t=b"), None);
    }
}
