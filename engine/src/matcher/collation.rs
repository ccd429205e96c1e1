//! The comparison rules for the values of an attribute.

use super::case::CaseSensitivity;
use crate::ir::TextAttribute;

/// The comparison rules for the values of one attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Collation {
    /// Whether comparisons distinguish case; if not, the stored keys are in lower case.
    pub(crate) case: CaseSensitivity,
    /// The byte between the parts of a value, such as the labels of a name or the segments of a path.
    pub(crate) separator: u8,
}

impl Collation {
    /// Returns the comparison rules for the values of `attribute`.
    #[inline]
    pub(crate) fn of(attribute: &TextAttribute) -> Self {
        match attribute {
            TextAttribute::Host => Self { case: CaseSensitivity::Insensitive, separator: b'.' },
            TextAttribute::Authority | TextAttribute::ServerName => {
                Self { case: CaseSensitivity::Sensitive, separator: b'.' }
            }
            _ => Self { case: CaseSensitivity::Sensitive, separator: b'/' },
        }
    }
}
