//! The labels that CiliumCIDRGroups add to addresses.

use crate::{
    labels::Label,
    net::parse_block,
    resource::{Object, cilium::CidrGroupSpec},
};
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

/// The source of labels from groups.
const SOURCE: &str = "cidrgroup";
/// The prefix of the key for a group's name.
const NAME: &str = "io.cilium.policy.cidrgroupname/";

/// Address blocks with the same labels.
#[derive(Clone, Debug)]
pub(crate) struct AddressGroup {
    pub(crate) name: String,
    /// The valid address blocks.
    pub(crate) nets: Vec<IpNet>,
    /// The labels of the group, and a label for its name.
    pub(crate) labels: Vec<Label>,
}

impl AddressGroup {
    pub(super) fn new(object: &Object<CidrGroupSpec>) -> Self {
        let mut key = String::from(NAME);
        key.push_str(&object.metadata.name);
        let own = object.metadata.labels.iter().map(|(k, v)| Label::new(SOURCE, k.as_str(), v.as_str()));
        Self {
            name: object.metadata.name.clone(),
            nets: object.spec.external_cidrs.iter().flatten().filter_map(|text| parse_block(text)).collect(),
            labels: own.chain([Label::new(SOURCE, key, "")]).collect(),
        }
    }

    /// Returns whether the group contains one of `addresses`.
    pub(super) fn contains_any(&self, addresses: &[IpAddr]) -> bool {
        self.nets.iter().any(|net| addresses.iter().any(|ip| net.contains(ip)))
    }
}
