//! Addresses and blocks, bit by bit.

use core::net::IpAddr;
use ipnet::IpNet;

/// Whether the first bits of `address`, as many as the block's length, are those of `block`.
pub(crate) fn contains(block: IpNet, address: IpAddr) -> bool {
    let (wanted, seen) = (bits(block.addr()), bits(address));
    if wanted.len() != seen.len() {
        return false;
    }
    let length = usize::from(block.prefix_len());
    wanted[..length] == seen[..length]
}

/// The address in binary digits, 32 or 128 of them.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => format!("{:032b}", u32::from(ip)),
        IpAddr::V6(ip) => format!("{:0128b}", u128::from(ip)),
    }
}
