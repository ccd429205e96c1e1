//! CiliumCIDRGroup.

use super::List;
use alloc::string::String;
use serde::Deserialize;

/// `spec` of a CiliumCIDRGroup.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CidrGroupSpec {
    /// The blocks of the group.
    #[serde(rename = "externalCIDRs")]
    pub external_cidrs: List<String>,
}
