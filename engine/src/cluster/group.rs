//! CiliumCIDRGroups as the labels that they give to addresses.

use crate::{
    labels::Label,
    net::parse_block,
    resource::{Object, cilium::CidrGroupSpec},
};
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

/// Source of the labels of groups.
const SOURCE: &str = "cidrgroup";
/// What the key of the label for a group's name begins with.
const NAME: &str = "io.cilium.policy.cidrgroupname/";

/// Blocks of addresses that carry the same labels.
#[derive(Clone, Debug)]
pub(crate) struct AddressGroup {
    pub(crate) name: String,
    /// Its blocks; those that cannot be read are left out.
    pub(crate) nets: Vec<IpNet>,
    /// Its own labels, and one for its name.
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

    /// Whether it holds one of `addresses`.
    pub(super) fn holds(&self, addresses: &[IpAddr]) -> bool {
        self.nets.iter().any(|net| addresses.iter().any(|ip| net.contains(ip)))
    }
}
