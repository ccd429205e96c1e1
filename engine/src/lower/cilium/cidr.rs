//! Blocks of addresses (`spec/cilium.md` 2.6).

use super::{Findings, selector::reserved};
use crate::{
    ir::{Attribute, Clause, Pattern, Test},
    options::{CiliumVersion, Options},
};
use alloc::{format, vec::Vec};
use core::net::IpAddr;
use ipnet::IpNet;

/// Reads an item of `fromCIDR` or `toCIDR`, which up to Cilium 1.19 may be a bare address (T22).
pub(super) fn address_or_block(
    text: &str,
    path: &str,
    options: &Options,
    findings: &mut Findings,
) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) if options.cilium_version <= CiliumVersion::V1_19 => Some(address.into()),
        _ => block(text, path, findings),
    }
}

/// Reads one block; host bits are masked.
pub(super) fn block(text: &str, path: &str, findings: &mut Findings) -> Option<IpNet> {
    if let Some(net) = parse(text) {
        return Some(net);
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let width = if address.is_ipv4() { 32 } else { 128 };
        let help = format!("write `{text}/{width}`");
        findings.error("bad-cidr", path, format!("`{text}` has no prefix length"), &help);
        return None;
    }
    let help = "write an address, a slash and a prefix length, such as `10.0.0.0/8`";
    findings.error("bad-cidr", path, format!("`{text}` is no block of addresses"), help);
    None
}

/// A block as Go reads it: no zone, no sign, and no zero in front of a number.
pub(super) fn parse(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let digits = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
    let length = length.parse().ok().filter(|_| digits)?;
    IpNet::new(address.parse().ok()?, length).ok().map(|net| net.trunc())
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
