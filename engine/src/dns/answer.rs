//! What the records of an answer teach (docs/semantics/cilium.md#cilium-answer-records).

use crate::{lower::cilium::name::canonical, options::CiliumVersion};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::{error::Error, fmt, net::IpAddr};

/// A record of an answer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsRecord<'a> {
    /// Whose it is.
    pub owner: &'a str,
    /// Seconds to live.
    pub ttl: u32,
    /// What it says.
    pub data: DnsData<'a>,
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsData<'a> {
    /// A, AAAA.
    Address(IpAddr),
    /// CNAME.
    Alias(&'a str),
    /// Any other type: teaches nothing.
    Other,
}

/// What an answer teaches about the name that was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taught {
    /// The name, lower case with its final dot. Aliases on the way are no names that a rule could match
    /// (docs/semantics/cilium.md#cilium-cname).
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Seconds to live: the lowest of the chain.
    pub ttl: u32,
}

/// Why an answer is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// A record belongs to a name that the chain of aliases does not lead to (up to Cilium 1.17).
    OffChain(String),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffChain(owner) => {
                write!(f, "the answer has a record of `{owner}`, which no alias of the name asked leads to")
            }
        }
    }
}

impl Error for AnswerError {}

/// Returns what `records`, the answer section of a successful answer, teach about `asked`: every address, with the lowest
/// time to live of all addresses and aliases.
///
/// Since Cilium 1.18 the owner of a record does not count, so answers below a DNAME and extra records teach as well. An
/// IPv4 address in IPv6 form (`::ffff:192.0.2.1`) is the IPv4 address.
///
/// # Errors
///
/// Up to Cilium 1.17: a record belongs to a name that no alias of `asked` leads to.
///
/// ```
/// use palisade::{AnswerError, CiliumVersion, DnsData, DnsRecord, taught};
///
/// let ip = "192.0.2.1".parse().unwrap();
/// let alias = DnsRecord { owner: "WWW.example.com.", ttl: 300, data: DnsData::Alias("edge.example.net.") };
/// let address = DnsRecord { owner: "edge.example.net.", ttl: 20, data: DnsData::Address(ip) };
/// let learned = taught("www.example.com", &[alias, address], CiliumVersion::V1_20).unwrap();
/// assert_eq!((&*learned.name, &learned.addresses[..], learned.ttl), ("www.example.com.", &[ip][..], 20));
///
/// assert!(taught("www.example.com", &[address], CiliumVersion::V1_18).is_ok());
/// let refused = taught("www.example.com", &[address], CiliumVersion::V1_17);
/// assert_eq!(refused, Err(AnswerError::OffChain("edge.example.net.".into())));
/// ```
pub fn taught(asked: &str, records: &[DnsRecord<'_>], version: CiliumVersion) -> Result<Taught, AnswerError> {
    let asked = canonical(asked);
    if version < CiliumVersion::V1_18 {
        require_chain(&asked, records)?;
    }
    let mut learned = Taught { name: asked.into(), addresses: Vec::new(), ttl: u32::MAX };
    for record in records {
        match record.data {
            DnsData::Address(address) => learned.addresses.push(address.to_canonical()),
            DnsData::Alias(_) => {}
            DnsData::Other => continue,
        }
        learned.ttl = learned.ttl.min(record.ttl);
    }
    Ok(learned)
}

/// Refuses records of names that no alias of `asked` leads to.
fn require_chain(asked: &str, records: &[DnsRecord<'_>]) -> Result<(), AnswerError> {
    let mut aliases: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for record in records {
        if let DnsData::Alias(target) = record.data {
            aliases.entry(canonical(record.owner)).or_default().push(canonical(target));
        }
    }
    let mut chain: BTreeSet<Box<str>> = BTreeSet::from([asked.into()]);
    let mut ahead: Vec<Box<str>> = Vec::from([asked.into()]);
    while let Some(name) = ahead.pop() {
        for target in aliases.remove(&name).unwrap_or_default() {
            if chain.insert(target.clone()) {
                ahead.push(target);
            }
        }
    }
    let off_chain = records.iter().map(|record| canonical(record.owner)).find(|owner| !chain.contains(owner));
    off_chain.map_or(Ok(()), |owner| Err(AnswerError::OffChain(owner.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn record<'a>(owner: &'a str, ttl: u32, data: DnsData<'a>) -> DnsRecord<'a> {
        DnsRecord { owner, ttl, data }
    }

    #[test]
    fn the_lowest_time_to_live_of_the_chain_counts() {
        for (first, second, third, lowest) in [(10, 20, 30, 10), (20, 10, 30, 10), (30, 20, 10, 10)] {
            let records = [
                record("a.io", first, DnsData::Alias("B.io")),
                record("b.io.", second, DnsData::Address(ip(1))),
                record("b.io", third, DnsData::Address(ip(2))),
                record("b.io", 1, DnsData::Other),
            ];
            let learned = taught("A.io.", &records, CiliumVersion::V1_20).unwrap();
            assert_eq!(
                learned,
                Taught { name: "a.io.".into(), addresses: [ip(1), ip(2)].into(), ttl: lowest }
            );
        }
    }

    #[test]
    fn chain_in_any_order_is_accepted_before_1_18_and_a_loop_ends() {
        let records = [
            record("c.io", 1, DnsData::Address(ip(1))),
            record("b.io", 1, DnsData::Alias("c.io")),
            record("a.io", 1, DnsData::Alias("b.io")),
            record("c.io", 1, DnsData::Alias("a.io")),
        ];
        assert_eq!(taught("a.io", &records, CiliumVersion::V1_17).unwrap().addresses, [ip(1)]);
    }

    #[test]
    fn record_off_the_chain_is_refused_up_to_1_17_and_learned_since_1_18() {
        for data in [DnsData::Address(ip(2)), DnsData::Alias("a.io"), DnsData::Other] {
            let records = [record("a.io", 9, DnsData::Address(ip(1))), record("evil.io", 3, data)];
            let error = taught("a.io", &records, CiliumVersion::V1_17).unwrap_err();
            assert_eq!(error, AnswerError::OffChain("evil.io.".into()));
            assert!(error.to_string().contains("`evil.io.`"));
            let learned = taught("a.io", &records, CiliumVersion::V1_18).unwrap();
            let (addresses, ttl) = match data {
                DnsData::Address(_) => (Vec::from([ip(1), ip(2)]), 3),
                DnsData::Alias(_) => (Vec::from([ip(1)]), 3),
                DnsData::Other => (Vec::from([ip(1)]), 9),
            };
            assert_eq!((learned.addresses, learned.ttl), (addresses, ttl), "{data:?}");
        }
    }

    #[test]
    fn ipv4_address_in_ipv6_form_is_learned_as_ipv4() {
        let mapped = IpAddr::V6(core::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        let records = [record("a.io", 5, DnsData::Address(mapped))];
        assert_eq!(taught("a.io", &records, CiliumVersion::V1_20).unwrap().addresses, [ip(1)]);
    }

    #[test]
    fn answer_without_addresses_teaches_none() {
        let addresses =
            |records: &[DnsRecord<'_>]| taught("a.io", records, CiliumVersion::V1_20).unwrap().addresses;
        assert!(addresses(&[]).is_empty());
        assert!(addresses(&[record("a.io", 5, DnsData::Alias("b.io"))]).is_empty());
    }
}
