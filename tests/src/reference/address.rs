//! Comparison of addresses with blocks, bit by bit.

use core::net::IpAddr;
use ipnet::IpNet;

/// Returns whether `address` starts with the network bits of `block`.
pub(crate) fn contains(block: IpNet, address: IpAddr) -> bool {
    let (network, host) = (bits(block.addr()), bits(address));
    if network.len() != host.len() {
        return false;
    }
    let length = usize::from(block.prefix_len());
    network[..length] == host[..length]
}

/// Returns the address as 32 or 128 binary digits.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => format!("{:032b}", u32::from(ip)),
        IpAddr::V6(ip) => format!("{:0128b}", u128::from(ip)),
    }
}
