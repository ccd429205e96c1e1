//! The schema of one release, and the fields that it rejects.

use super::text;
use crate::{lower::cilium::model::below, options::CiliumVersion};
use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

/// A field that the schema rejects.
pub(super) struct Rejection {
    pub(super) path: String,
    pub(super) message: String,
    pub(super) help: String,
}

/// Checks one object.
pub(super) struct Schema {
    pub(super) version: CiliumVersion,
    pub(super) found: Vec<Rejection>,
}

impl Schema {
    pub(super) fn new(version: CiliumVersion) -> Self {
        Self { version, found: Vec::new() }
    }

    /// Records that the schema rejects the field at `path`.
    pub(super) fn reject(&mut self, path: impl Into<String>, message: impl Into<String>, help: &str) {
        self.found.push(Rejection { path: path.into(), message: message.into(), help: help.to_owned() });
    }

    /// `matchName` and `matchPattern` of the item at `path`, which may be left out.
    pub(super) fn names(&mut self, name: &Option<String>, pattern: &Option<String>, path: &str) {
        let help = "write a DNS name of at most 255 letters, digits, `-` and `_`, without a dot in front or two in a row";
        for (field, value, stars) in [("matchName", name, false), ("matchPattern", pattern, true)] {
            if let Some(value) = value
                && !text::is_dns_name(value, stars)
            {
                self.reject(below(path, field), format!("name `{value}` does not match the schema"), help);
            }
        }
    }
}
