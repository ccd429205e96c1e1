//! Matchers: one kind of pattern a file, each from pattern to answer in one pass over the value's bytes.
//!
//! A matcher is built once from [`crate::ir`] and then only read. None allocates, none can panic, and none costs
//! more than linear time in the value's length.

pub(crate) mod bytes;
pub(crate) mod cidr;
pub(crate) mod glob;
pub(crate) mod literals;
pub(crate) mod name;
mod name_endings;
mod name_pieces;
mod name_set;
pub(crate) mod piece;
pub(crate) mod regex;
pub(crate) mod search;
pub(crate) mod service_account;
pub(crate) mod text;
pub(crate) mod texts;
mod trie;

pub(crate) use cidr::CidrSet;
pub(crate) use name_set::NameSet;
pub(crate) use regex::Regex;
pub(crate) use text::TextSet;
