//! The origin of a test: a field of an object, and the values in it.

use crate::rule_id::RuleId;
use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::fmt;

/// A field of a rule, such as `from[0].source.trustDomains`.
///
/// ```
/// use palisade::ir::Field;
///
/// let field = Field::new("from[#].source.trustDomains").index(1);
/// assert_eq!(field.to_string(), "from[1].source.trustDomains");
/// assert_eq!(field.name(), "trustDomains");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    /// The path from the rule, with a `#` for each index.
    template: &'static str,
    indices: [u16; 3],
    /// The number of `indices` that are set.
    depth: u8,
}

impl Field {
    /// Returns the field at `template`, a path with a `#` for each index.
    pub const fn new(template: &'static str) -> Self {
        Self { template, indices: [0; 3], depth: 0 }
    }

    /// Returns the field with `index` in place of the next `#` of the template.
    #[must_use]
    pub fn index(mut self, index: impl TryInto<u16>) -> Self {
        if let Some(place) = self.indices.get_mut(usize::from(self.depth)) {
            *place = index.try_into().unwrap_or(u16::MAX);
            self.depth += 1;
        }
        self
    }

    /// Returns the field with `index` in place of the first `#`, before the indices that are set.
    #[must_use]
    pub fn within(mut self, index: impl TryInto<u16>) -> Self {
        if usize::from(self.depth) < self.indices.len() {
            self.indices.rotate_right(1);
            self.depth += 1;
            if let Some(first) = self.indices.first_mut() {
                *first = index.try_into().unwrap_or(u16::MAX);
            }
        }
        self
    }

    /// Returns the last part of the path, without indices.
    pub fn name(&self) -> &'static str {
        let last = self.template.rsplit('.').next().unwrap_or_default();
        last.split('[').next().unwrap_or_default()
    }

    /// Returns whether the field is unknown.
    pub fn is_unknown(&self) -> bool {
        self.template.is_empty()
    }
}

/// The path from the rule, such as `toPorts[0].rules.http[1].path`.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut indices = self.indices.iter();
        for (n, part) in self.template.split('#').enumerate() {
            if n > 0 {
                write!(f, "{}", indices.next().copied().unwrap_or_default())?;
            }
            f.write_str(part)?;
        }
        Ok(())
    }
}

/// The field from which a test comes, and the values in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The field.
    pub field: Field,
    /// The values as the policy states them; empty if they are the test's patterns.
    pub values: Box<[Box<str>]>,
}

impl Field {
    /// Returns the path in the object of a field of the rule `id`.
    pub fn path(&self, id: &RuleId) -> String {
        match (id.path(), self.is_unknown()) {
            (path, true) => path,
            (path, false) if path.is_empty() => self.to_string(),
            (path, false) => format!("{path}.{self}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_with_indices_renders_its_path() {
        let field =
            Field::new("toPorts[#].rules.http[#].headers[#]").index(1u32).index(2usize).index(70_000u32);
        assert_eq!(field.to_string(), "toPorts[1].rules.http[2].headers[65535]");
        assert_eq!(field.name(), "headers");
        let inner = Field::new("toPorts[#].rules.http[#].path").index(2u32);
        assert_eq!(inner.within(1u32).to_string(), "toPorts[1].rules.http[2].path");
        assert!(Field::default().is_unknown());
    }
}
