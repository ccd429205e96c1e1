//! ServiceEntry. Only its name and hosts are read.

use crate::resource::decode::null_as_default;
use alloc::{string::String, vec::Vec};
use serde::Deserialize;

/// `spec` of a ServiceEntry.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ServiceEntrySpec {
    /// Hosts.
    #[serde(deserialize_with = "null_as_default")]
    pub hosts: Vec<String>,
    /// Addresses.
    #[serde(deserialize_with = "null_as_default")]
    pub addresses: Vec<String>,
}
