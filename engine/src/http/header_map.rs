//! The headers of a request as Envoy stores them.

use super::header::is_inline;
use alloc::{string::String, vec::Vec};

/// Header lines in order, names in lower case. Repeated lines of an inline header are one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderMap {
    lines: Vec<(String, Vec<u8>)>,
}

impl HeaderMap {
    /// Returns the lines in order.
    pub fn iter(&self) -> core::slice::Iter<'_, (String, Vec<u8>)> {
        self.lines.iter()
    }

    /// Returns the number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns whether the map has no lines.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the value of the first line of `name`, which must be in lower case.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.lines.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_slice())
    }

    /// Returns whether the map has a line of `name`.
    pub fn contains(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Adds a line as the codec does. If the map contains the same inline header, the value is appended to it after a comma.
    /// Envoy appends nothing for an empty value, and no comma to an empty value.
    pub fn add(&mut self, name: &str, value: &[u8]) {
        if is_inline(name) && self.contains(name) {
            if !value.is_empty() {
                self.append(name, value, b",");
            }
        } else {
            self.lines.push((name.into(), value.to_vec()));
        }
    }

    /// Appends `value` to the first line of `name`, after `delimiter` unless that line is empty. Adds a line if there is none.
    pub fn append(&mut self, name: &str, value: &[u8], delimiter: &[u8]) {
        match self.lines.iter_mut().find(|(n, _)| n == name) {
            Some((_, before)) => {
                if !before.is_empty() {
                    before.extend_from_slice(delimiter);
                }
                before.extend_from_slice(value);
            }
            None => self.lines.push((name.into(), value.to_vec())),
        }
    }

    /// Replaces all lines of `name` by one line.
    pub fn set(&mut self, name: &str, value: &[u8]) {
        let mut lines = self.lines.iter_mut().filter(|(n, _)| n == name);
        let Some((_, first)) = lines.next() else {
            return self.lines.push((name.into(), value.to_vec()));
        };
        *first = value.to_vec();
        if lines.next().is_some() {
            let mut seen = false;
            self.lines.retain(|(n, _)| n != name || !core::mem::replace(&mut seen, true));
        }
    }

    /// Removes all lines of `name`.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(n, _)| n != name);
    }
}

impl<'a> IntoIterator for &'a HeaderMap {
    type Item = &'a (String, Vec<u8>);
    type IntoIter = core::slice::Iter<'a, (String, Vec<u8>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(map: &HeaderMap) -> Vec<(&str, &[u8])> {
        map.iter().map(|(n, v)| (n.as_str(), v.as_slice())).collect()
    }

    #[test]
    fn inline_headers_are_joined_and_empty_lines_add_nothing() {
        let mut map = HeaderMap::default();
        for (name, value) in
            [("accept", ""), ("accept", "a"), ("accept", ""), ("accept", "b"), ("x", ""), ("x", "a")]
        {
            map.add(name, value.as_bytes());
        }
        assert_eq!(lines(&map), [("accept", &b"a,b"[..]), ("x", b""), ("x", b"a")]);
    }

    #[test]
    fn set_replaces_repeated_lines_by_one() {
        let mut map = HeaderMap::default();
        for value in [b"1", b"2", b"3"] {
            map.add("x", value);
        }
        map.add("y", b"1");
        map.set("x", b"4");
        assert_eq!(lines(&map), [("x", &b"4"[..]), ("y", b"1")]);
        map.remove("x");
        assert_eq!(lines(&map), [("y", &b"1"[..])]);
    }
}
