//! Blocks of addresses (docs/semantics/cilium.md#cilium-cidr-identities).

use super::Findings;
use crate::{
    cluster::identity::RESERVED,
    ir::{AddressAttribute, Clause, Operator, Selector, Test},
    options::{CidrMatch, CiliumVersion, Options},
};
use alloc::{format, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

pub(super) use crate::net::parse_block as parse;
use crate::net::parse_block_with_host_bits;

/// Reads an item of `fromCIDR` or `toCIDR`, which up to Cilium 1.19 may be a bare address
/// (docs/semantics/cilium.md#cilium-bare-address).
pub(super) fn address_or_block(
    text: &str,
    path: &str,
    options: &Options,
    findings: &mut Findings,
) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) if options.cilium.version <= CiliumVersion::V1_19 => Some(address.into()),
        _ => block(text, path, findings),
    }
}

/// Reads one block, with the host bits as they are written.
pub(super) fn block(text: &str, path: &str, findings: &mut Findings) -> Option<IpNet> {
    if let Some(net) = parse_block_with_host_bits(text) {
        return Some(net);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let help = format!("write `{text}/{width}`");
        findings.error("bad-cidr", path, format!("`{text}` has no prefix length"), &help);
        return None;
    }
    let help = "write an address, a slash and a prefix length, such as `10.0.0.0/8`";
    findings.error("bad-cidr", path, format!("invalid CIDR block `{text}`"), help);
    None
}

/// Reads the holes of `outer`.
pub(super) fn holes(
    texts: &[alloc::string::String],
    outer: Option<IpNet>,
    path: &str,
    findings: &mut Findings,
) -> Vec<IpNet> {
    let mut list = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}.except[{i}]");
        let Some(hole) = block(text, &at, findings) else { continue };
        if outer.is_some_and(|outer| !outer.contains(&hole)) {
            let message = format!("`{text}` does not lie inside the block it is taken from");
            findings.error("bad-cidr", &at, message, "an exception must be part of its block");
            continue;
        }
        list.push(hole);
    }
    list
}

/// Returns `net` as a part of a selector's key. Since Cilium 1.19 the key of a selector is the text of its blocks, so that
/// `10.0.0.1/8` and `10.0.0.0/8` are two selectors when filters are merged; before, host bits are masked.
pub(super) fn in_key(net: IpNet, options: &Options) -> IpNet {
    if options.cilium.version >= CiliumVersion::V1_19 { net } else { net.trunc() }
}

/// Clauses for an address in `net` and in none of `holes`.
///
/// The agent reads the block of all addresses as the label of the world. With the CIDR match mode `pods` the block holds
/// pods too, and nodes where their addresses are matched.
pub(super) fn clauses(net: IpNet, holes: &[IpNet], index: u32, options: &Options) -> Vec<Clause> {
    let address = |net| Test::address(AddressAttribute::Peer, [in_key(net, options)]);
    let holes: Vec<IpNet> = holes.iter().map(|hole| in_key(*hole, options)).collect();
    let holes = holes.as_slice();
    let mut clauses = Vec::new();
    match whole_world(net, options) {
        Some(label) => {
            clauses.push(clause(has_label(&[label]), holes, index));
            if options.cilium.matches_addresses_of(CidrMatch::Pods) {
                clauses.push(clause(address(net), holes, index));
            }
        }
        None => clauses.push(clause(address(net), holes, index)),
    }
    clauses
}

/// A clause of `test` and, where there are `holes`, of an address in none of them.
pub(super) fn clause(test: Test, holes: &[IpNet], index: u32) -> Clause {
    let mut tests = Vec::from([test]);
    if !holes.is_empty() {
        tests.push(Test::address(AddressAttribute::Peer, holes.iter().copied()).negate());
    }
    Clause { tests, index }
}

/// A test for one of the reserved labels `keys`. The agent asks for the key here and for key and value in an entity, so
/// the two are different selectors when filters are merged.
pub(super) fn has_label(keys: &[&str]) -> Test {
    let selectors = keys.iter().map(|key| {
        let mut selector = Selector::default();
        selector.require(RESERVED, key, Operator::Exists);
        selector
    });
    Test::labels(selectors)
}

fn whole_world(net: IpNet, options: &Options) -> Option<&'static str> {
    match (net, options.cilium.ipv6) {
        _ if net.prefix_len() > 0 => None,
        (IpNet::V4(_), false) => Some("world"),
        (IpNet::V4(_), true) => Some("world-ipv4"),
        (IpNet::V6(_), true) => Some("world-ipv6"),
        (IpNet::V6(_), false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_as_go_reads_them() {
        for (text, masked) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8::1/32", "2001:db8::/32"),
            ("::ffff:10.0.0.1/128", "::ffff:10.0.0.1/128"),
        ] {
            assert_eq!(parse(text), Some(masked.parse().unwrap()), "{text}");
        }
        for text in [
            "10.0.0.0",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/-8",
            "010.0.0.0/8",
            "10.0.0/8",
            " 10.0.0.0/8",
            "fe80::1%eth0/64",
            "::/129",
            "10.0.0.0/255.0.0.0",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
