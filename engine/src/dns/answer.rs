//! The addresses in a DNS answer (docs/semantics/cilium.md#cilium-answer-records).

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
    /// The name that the record belongs to.
    pub owner: &'a str,
    /// The TTL in seconds.
    pub ttl: u32,
    /// The value.
    pub data: DnsData<'a>,
}

/// The value of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsData<'a> {
    /// The address of an A or AAAA record.
    Address(IpAddr),
    /// The target of a CNAME record.
    Alias(&'a str),
    /// A record of another type, which has no effect.
    Other,
}

/// The addresses that an answer contains for the name of the lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The name, in lower case with one final dot. Aliases in the answer are not recorded, so no rule matches them
    /// (docs/semantics/cilium.md#cilium-cname).
    pub name: String,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// The TTL in seconds: the lowest of all addresses and aliases.
    pub ttl: u32,
}

/// The reason for which an answer is rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerError {
    /// A record belongs to this name, to which no chain of aliases leads (up to Cilium 1.17).
    OffChain(String),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OffChain(owner) => {
                write!(f, "invalid answer: the record of `{owner}` belongs to no alias of the requested name")
            }
        }
    }
}

impl Error for AnswerError {}

/// Returns the addresses in `records`, the answer section of a successful answer to a lookup of `name`, with the lowest TTL
/// of all addresses and aliases.
///
/// Since Cilium 1.18 the agent ignores the owners of records, so answers below a DNAME and additional records also apply. An
/// IPv4 address in IPv6 form (`::ffff:192.0.2.1`) becomes an IPv4 address.
///
/// # Errors
///
/// Up to Cilium 1.17, a record that belongs to neither `name` nor one of its aliases is an error.
///
/// ```
/// use palisade::{AnswerError, CiliumVersion, DnsData, DnsRecord, resolve_answer};
///
/// let ip = "192.0.2.1".parse().unwrap();
/// let alias = DnsRecord { owner: "WWW.example.com.", ttl: 300, data: DnsData::Alias("edge.example.net.") };
/// let address = DnsRecord { owner: "edge.example.net.", ttl: 20, data: DnsData::Address(ip) };
/// let answer = resolve_answer("www.example.com", &[alias, address], CiliumVersion::V1_20).unwrap();
/// assert_eq!((&*answer.name, &answer.addresses[..], answer.ttl), ("www.example.com.", &[ip][..], 20));
///
/// assert!(resolve_answer("www.example.com", &[address], CiliumVersion::V1_18).is_ok());
/// let rejected = resolve_answer("www.example.com", &[address], CiliumVersion::V1_17);
/// assert_eq!(rejected, Err(AnswerError::OffChain("edge.example.net.".into())));
/// ```
pub fn resolve_answer(
    name: &str,
    records: &[DnsRecord<'_>],
    version: CiliumVersion,
) -> Result<DnsAnswer, AnswerError> {
    let name = canonical(name);
    if version < CiliumVersion::V1_18 {
        require_chain(&name, records)?;
    }
    let mut answer = DnsAnswer { name: name.into(), addresses: Vec::new(), ttl: u32::MAX };
    for record in records {
        match record.data {
            DnsData::Address(address) => answer.addresses.push(address.to_canonical()),
            DnsData::Alias(_) => {}
            DnsData::Other => continue,
        }
        answer.ttl = answer.ttl.min(record.ttl);
    }
    Ok(answer)
}

/// Returns an error if a record belongs to neither `name` nor one of its aliases.
fn require_chain(name: &str, records: &[DnsRecord<'_>]) -> Result<(), AnswerError> {
    let mut aliases: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for record in records {
        if let DnsData::Alias(target) = record.data {
            aliases.entry(canonical(record.owner)).or_default().push(canonical(target));
        }
    }
    let mut chain: BTreeSet<Box<str>> = BTreeSet::from([name.into()]);
    let mut pending: Vec<Box<str>> = Vec::from([name.into()]);
    while let Some(alias) = pending.pop() {
        for target in aliases.remove(&alias).unwrap_or_default() {
            if chain.insert(target.clone()) {
                pending.push(target);
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
    fn lowest_ttl_of_the_chain_applies() {
        for (first, second, third, lowest) in [(10, 20, 30, 10), (20, 10, 30, 10), (30, 20, 10, 10)] {
            let records = [
                record("a.io", first, DnsData::Alias("B.io")),
                record("b.io.", second, DnsData::Address(ip(1))),
                record("b.io", third, DnsData::Address(ip(2))),
                record("b.io", 1, DnsData::Other),
            ];
            let answer = resolve_answer("A.io.", &records, CiliumVersion::V1_20).unwrap();
            assert_eq!(
                answer,
                DnsAnswer { name: "a.io.".into(), addresses: [ip(1), ip(2)].into(), ttl: lowest }
            );
        }
    }

    #[test]
    fn chain_in_any_order_is_accepted_before_1_18() {
        let records = [
            record("c.io", 1, DnsData::Address(ip(1))),
            record("b.io", 1, DnsData::Alias("c.io")),
            record("a.io", 1, DnsData::Alias("b.io")),
            record("c.io", 1, DnsData::Alias("a.io")),
        ];
        assert_eq!(resolve_answer("a.io", &records, CiliumVersion::V1_17).unwrap().addresses, [ip(1)]);
    }

    #[test]
    fn record_off_the_chain_is_rejected_up_to_1_17_and_used_since_1_18() {
        for data in [DnsData::Address(ip(2)), DnsData::Alias("a.io"), DnsData::Other] {
            let records = [record("a.io", 9, DnsData::Address(ip(1))), record("evil.io", 3, data)];
            let error = resolve_answer("a.io", &records, CiliumVersion::V1_17).unwrap_err();
            assert_eq!(error, AnswerError::OffChain("evil.io.".into()));
            assert!(error.to_string().contains("`evil.io.`"));
            let answer = resolve_answer("a.io", &records, CiliumVersion::V1_18).unwrap();
            let (addresses, ttl) = match data {
                DnsData::Address(_) => (Vec::from([ip(1), ip(2)]), 3),
                DnsData::Alias(_) => (Vec::from([ip(1)]), 3),
                DnsData::Other => (Vec::from([ip(1)]), 9),
            };
            assert_eq!((answer.addresses, answer.ttl), (addresses, ttl), "{data:?}");
        }
    }

    #[test]
    fn ipv4_address_in_ipv6_form_becomes_ipv4() {
        let mapped = IpAddr::V6(core::net::Ipv4Addr::new(192, 0, 2, 1).to_ipv6_mapped());
        let records = [record("a.io", 5, DnsData::Address(mapped))];
        assert_eq!(resolve_answer("a.io", &records, CiliumVersion::V1_20).unwrap().addresses, [ip(1)]);
    }

    #[test]
    fn answer_without_addresses_has_none() {
        let addresses = |records: &[DnsRecord<'_>]| {
            resolve_answer("a.io", records, CiliumVersion::V1_20).unwrap().addresses
        };
        assert!(addresses(&[]).is_empty());
        assert!(addresses(&[record("a.io", 5, DnsData::Alias("b.io"))]).is_empty());
    }
}
