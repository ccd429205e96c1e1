//! Matchers: each file matches one kind of pattern.
//!
//! A matcher is built once from [`crate::ir`] and then only read. Matching does not allocate and does not panic. It takes
//! at most linear time in the length of the value.
//!
//! | files | content |
//! |---|---|
//! | `case`, `chunk`, `hash`, `search` | operations on eight bytes at a time |
//! | `collation`, `strategy`, `literal`, `string_pool` | parameters and storage that the sets share |
//! | `literals`, `trie` | exact values by a hash table; prefixes and suffixes by a trie |
//! | `text`, `glob`, `service_account` | text patterns, alone and in sets |
//! | `name`, `name_set`, `name_suffixes`, `name_chunks` | patterns of DNS names, alone and in sets |
//! | `cidr` | address blocks |
//! | `regex` | regular expressions |

pub(crate) mod case;
pub(crate) mod chunk;
pub(crate) mod cidr;
pub(crate) mod collation;
pub(crate) mod glob;
mod hash;
pub(crate) mod literal;
pub(crate) mod literals;
pub(crate) mod name;
mod name_chunks;
mod name_set;
mod name_suffixes;
pub(crate) mod regex;
pub(crate) mod search;
pub(crate) mod service_account;
pub(crate) mod strategy;
pub(crate) mod string_pool;
pub(crate) mod text;
mod trie;

pub(crate) use cidr::CidrSet;
pub(crate) use name_set::NameSet;
pub(crate) use regex::Regex;
pub(crate) use text::TextSet;
