//! Blocks of addresses (`spec/cilium.md` 2.6).

use super::{Findings, selector::reserved};
use crate::{
    ir::{Attribute, Clause, Pattern, Test},
    options::{CiliumVersion, Options},
};
use alloc::{format, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

/// Reads one block; host bits are masked.
pub(super) fn block(text: &str, path: &str, options: &Options, findings: &mut Findings) -> Option<IpNet> {
    if let Ok(net) = text.parse::<IpNet>() {
        return Some(net.trunc());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        if options.cilium_version <= CiliumVersion::V1_19 {
            return Some(address.into());
        }
        let width = if address.is_ipv4() { 32 } else { 128 };
        let help = format!("write `{text}/{width}`: since Cilium 1.20 a bare address is refused");
        findings.error("bad-cidr", path, format!("`{text}` has no prefix length"), &help);
        return None;
    }
    let help = "write an address, a slash and a prefix length, such as `10.0.0.0/8`";
    findings.error("bad-cidr", path, format!("`{text}` is no block of addresses"), help);
    None
}

/// Reads the holes of `outer`.
pub(super) fn holes(
    texts: &[alloc::string::String],
    outer: Option<IpNet>,
    path: &str,
    options: &Options,
    findings: &mut Findings,
) -> Vec<IpNet> {
    let mut list = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}.except[{i}]");
        let Some(hole) = block(text, &at, options, findings) else { continue };
        if outer.is_some_and(|outer| !outer.contains(&hole)) {
            let message = format!("`{text}` does not lie inside the block it is taken from");
            findings.error("bad-cidr", &at, message, "an exception must be part of its block");
            continue;
        }
        list.push(hole);
    }
    list
}

/// An address in `net` and in none of `holes`.
///
/// The block of all addresses is the label of the world, which outside ends without a known address have too.
pub(super) fn clause(net: IpNet, holes: &[IpNet], index: u32, options: &Options) -> Clause {
    let mut tests = Vec::new();
    match whole_world(net, options) {
        Some(label) => {
            // In single stack the aggregate label is all there is.
            let labels = Pattern::Labels(reserved(label));
            tests.push(Test::any_of(Attribute::PeerLabels, [labels]));
        }
        None => tests.push(Test::any_of(Attribute::PeerAddress, [Pattern::Cidr(net)])),
    }
    if !holes.is_empty() {
        tests.push(Test::none_of(Attribute::PeerAddress, holes.iter().copied().map(Pattern::Cidr)));
    }
    Clause { tests, index }
}

fn whole_world(net: IpNet, options: &Options) -> Option<&'static str> {
    match (net, options.ipv6) {
        _ if net.prefix_len() > 0 => None,
        (IpNet::V4(_), false) => Some("world"),
        (IpNet::V4(_), true) => Some("world-ipv4"),
        (IpNet::V6(_), true) => Some("world-ipv6"),
        (IpNet::V6(_), false) => None,
    }
}
