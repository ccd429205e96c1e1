//! Matches an IP address against a set of address blocks.

use alloc::{boxed::Box, vec::Vec};
use core::net::IpAddr;
use hashbrown::HashTable;
use ipnet::IpNet;

/// A map from address blocks to numbers. A lookup costs one table access for each prefix length in the map.
#[derive(Debug)]
pub(crate) struct CidrSet {
    v4: FamilyBlocks,
    v6: FamilyBlocks,
}

/// The blocks of IPv4 or of IPv6.
#[derive(Debug, Default)]
struct FamilyBlocks {
    /// The prefix lengths of the blocks, in ascending order.
    lengths: Box<[u8]>,
    /// The network, the prefix length and the number of each block.
    blocks: HashTable<(u128, u8, u32)>,
}

impl CidrSet {
    /// Returns a map of `blocks`. Of equal blocks, the map contains the first one.
    pub(crate) fn new(blocks: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (net, value) in blocks {
            let entry = (bits(net.network()), net.prefix_len(), value);
            match net {
                IpNet::V4(_) => v4.push(entry),
                IpNet::V6(_) => v6.push(entry),
            }
        }
        Self { v4: FamilyBlocks::new(v4), v6: FamilyBlocks::new(v6) }
    }

    /// Returns the numbers of all blocks that contain `address`, the largest block first.
    pub(crate) fn find(&self, address: IpAddr) -> impl Iterator<Item = u32> {
        let (family, width) = match address {
            IpAddr::V4(_) => (&self.v4, 32),
            IpAddr::V6(_) => (&self.v6, 128),
        };
        let address = bits(address);
        family.lengths.iter().filter_map(move |len| family.get(mask(address, width, *len), *len))
    }

    /// Returns whether a block contains `address`.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        self.find(address).next().is_some()
    }
}

impl FamilyBlocks {
    fn new(entries: Vec<(u128, u8, u32)>) -> Self {
        let mut lengths: Vec<u8> = entries.iter().map(|e| e.1).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let mut blocks = HashTable::with_capacity(entries.len());
        for entry in entries {
            let key = hash(entry.0, entry.1);
            if blocks.find(key, |e: &(u128, u8, u32)| (e.0, e.1) == (entry.0, entry.1)).is_none() {
                blocks.insert_unique(key, entry, |e| hash(e.0, e.1));
            }
        }
        Self { lengths: lengths.into(), blocks }
    }

    fn get(&self, network: u128, len: u8) -> Option<u32> {
        self.blocks.find(hash(network, len), |e| (e.0, e.1) == (network, len)).map(|e| e.2)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(address: u128, width: u32, len: u8) -> u128 {
    let host = width.saturating_sub(u32::from(len));
    address.checked_shr(host).and_then(|a| a.checked_shl(host)).unwrap_or(0)
}

fn hash(network: u128, len: u8) -> u64 {
    let folded = (network as u64) ^ ((network >> 64) as u64).rotate_left(31) ^ (u64::from(len) << 57);
    let wide = u128::from(folded ^ 0xA076_1D64_78BD_642F) * 0xE703_7ED1_A0B4_28DB;
    (wide as u64) ^ ((wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(blocks: &[&str]) -> CidrSet {
        CidrSet::new(blocks.iter().zip(0..).map(|(b, v)| (b.parse::<IpNet>().unwrap().trunc(), v)))
    }

    #[test]
    fn block_of_one_family_does_not_contain_addresses_of_the_other() {
        let set = set(&["0.0.0.0/0", "::ffff:0:0/96"]);
        assert!(set.contains("10.0.0.1".parse().unwrap()));
        assert!(set.contains("::ffff:10.0.0.1".parse().unwrap()));
        assert!(!set.contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn find_returns_every_block_largest_first() {
        let set = set(&["10.1.0.0/16", "10.0.0.0/8", "10.1.2.3/32", "::/0"]);
        assert!(set.find("10.1.2.3".parse().unwrap()).eq([1, 0, 2]));
        assert_eq!(set.find("11.0.0.0".parse().unwrap()).count(), 0);
        assert!(set.find("::1".parse().unwrap()).eq([3]));
    }
}
