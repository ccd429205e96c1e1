//! Blocks of addresses (docs/semantics/cilium.md#cilium-cidr-identities).

use super::fault::{BlockFault, Faults};
use crate::{
    cluster::identity::RESERVED,
    ir::{AddressAttribute, Clause, Operator, Selector, Test},
    options::{CidrMatch, CiliumVersion, Options},
};
use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

pub(crate) use crate::net::parse_block as parse;
pub(crate) use crate::net::parse_block_with_host_bits;

/// Reads an item of `fromCIDR` or `toCIDR`, which up to Cilium 1.19 may be a bare address
/// (docs/semantics/cilium.md#cilium-bare-address).
pub(crate) fn address_or_block(
    text: &str,
    path: &str,
    options: &Options,
    faults: &mut Faults,
) -> Option<IpNet> {
    parse_address_or_block(text, options).or_else(|| block(text, path, faults))
}

/// Parses an item of `fromCIDR` or `toCIDR`.
pub(crate) fn parse_address_or_block(text: &str, options: &Options) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) if options.cilium.version <= CiliumVersion::V1_19 => Some(address.into()),
        _ => parse_block_with_host_bits(text),
    }
}

/// Reads the block `text` with its host bits.
pub(crate) fn block(text: &str, path: &str, faults: &mut Faults) -> Option<IpNet> {
    if let Some(net) = parse_block_with_host_bits(text) {
        return Some(net);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let width = if address.is_ipv4() { 32 } else { 128 };
        faults.add(path, BlockFault::MissingPrefixLength(text.into(), width));
        return None;
    }
    faults.add(path, BlockFault::Invalid(text.into()));
    None
}

/// Reads the exceptions of the block `outer`.
pub(crate) fn exceptions(
    texts: &[String],
    outer: Option<IpNet>,
    path: &str,
    faults: &mut Faults,
) -> Vec<IpNet> {
    let mut list = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let at = format!("{path}.except[{i}]");
        let Some(exception) = block(text, &at, faults) else { continue };
        if outer.is_some_and(|outer| !outer.contains(&exception)) {
            faults.add(at, BlockFault::ExceptionOutside(text.clone()));
            continue;
        }
        list.push(exception);
    }
    list
}

/// Returns `net` as a part of a selector's key. Since Cilium 1.19 the key of a selector is the text of its blocks, so
/// that `10.0.0.1/8` and `10.0.0.0/8` are two selectors when filters are merged; before, host bits are masked.
pub(crate) fn in_key(net: IpNet, options: &Options) -> IpNet {
    if options.cilium.version >= CiliumVersion::V1_19 { net } else { net.trunc() }
}

/// Returns the clauses of an address in `net` and in none of `exceptions`.
///
/// The agent reads the block of all addresses as the label of the world. With the CIDR match mode `pods` the block
/// contains pods too, and with the mode `nodes` also nodes.
pub(crate) fn clauses(net: IpNet, exceptions: &[IpNet], index: u32, options: &Options) -> Vec<Clause> {
    let address = |net| Test::address(AddressAttribute::Peer, [in_key(net, options)]);
    let exceptions: Vec<IpNet> = exceptions.iter().map(|exception| in_key(*exception, options)).collect();
    let exceptions = exceptions.as_slice();
    let mut clauses = Vec::new();
    match whole_world(net, options) {
        Some(label) => {
            clauses.push(clause(has_label(&[label]), exceptions, index));
            if options.cilium.matches_addresses_of(CidrMatch::Pods) {
                clauses.push(clause(address(net), exceptions, index));
            }
        }
        None => clauses.push(clause(address(net), exceptions, index)),
    }
    clauses
}

/// Returns a clause of `test` and, if there are `exceptions`, of an address in none of them.
pub(crate) fn clause(test: Test, exceptions: &[IpNet], index: u32) -> Clause {
    let mut tests = Vec::from([test]);
    if !exceptions.is_empty() {
        tests.push(Test::address(AddressAttribute::Peer, exceptions.iter().copied()).negate());
    }
    Clause { tests, index }
}

/// Returns a test for one of the reserved labels `keys`. The agent requires the key here, and key and value in an
/// entity. So the two are different selectors when filters are merged.
pub(crate) fn has_label(keys: &[&str]) -> Test {
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
    fn blocks_are_parsed_as_go_parses_them() {
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
