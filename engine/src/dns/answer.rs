//! What the records of an answer teach (`spec/cilium.md` 3.6).

use crate::lower::cilium::name::canonical;
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
    /// The name, lower case with its final dot. Aliases on the way are no names that a rule could match (T36).
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
    /// A record belongs to a name that the chain of aliases does not lead to.
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

/// What `records`, the answer section of a successful answer, teach about `asked`.
///
/// # Errors
///
/// A record is about another name: then nothing of the answer counts.
///
/// ```
/// use palisade::{AnswerError, DnsData, DnsRecord, taught};
///
/// let ip = "192.0.2.1".parse().unwrap();
/// let alias = DnsRecord { owner: "WWW.example.com.", ttl: 300, data: DnsData::Alias("edge.example.net.") };
/// let address = DnsRecord { owner: "edge.example.net.", ttl: 20, data: DnsData::Address(ip) };
/// let learned = taught("www.example.com", &[alias, address]).unwrap();
/// assert_eq!((&*learned.name, &learned.addresses[..], learned.ttl), ("www.example.com.", &[ip][..], 20));
/// assert_eq!(taught("www.example.com", &[address]), Err(AnswerError::OffChain("edge.example.net.".into())));
/// ```
pub fn taught(asked: &str, records: &[DnsRecord<'_>]) -> Result<Taught, AnswerError> {
    let asked = canonical(asked);
    let mut aliases: BTreeMap<Box<str>, Vec<Box<str>>> = BTreeMap::new();
    for record in records {
        if let DnsData::Alias(target) = record.data {
            aliases.entry(canonical(record.owner)).or_default().push(canonical(target));
        }
    }
    let mut chain = BTreeSet::from([asked.clone()]);
    let mut ahead = Vec::from([asked.clone()]);
    while let Some(name) = ahead.pop() {
        for target in aliases.remove(&name).unwrap_or_default() {
            if chain.insert(target.clone()) {
                ahead.push(target);
            }
        }
    }
    let mut learned = Taught { name: asked.into(), addresses: Vec::new(), ttl: u32::MAX };
    for record in records {
        let owner = canonical(record.owner);
        if !chain.contains(&owner) {
            return Err(AnswerError::OffChain(owner.into()));
        }
        match record.data {
            DnsData::Address(address) => learned.addresses.push(address),
            DnsData::Alias(_) => {}
            DnsData::Other => continue,
        }
        learned.ttl = learned.ttl.min(record.ttl);
    }
    Ok(learned)
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
            let learned = taught("A.io.", &records).unwrap();
            assert_eq!(
                learned,
                Taught { name: "a.io.".into(), addresses: [ip(1), ip(2)].into(), ttl: lowest }
            );
        }
    }

    #[test]
    fn a_chain_in_another_order_is_a_chain_and_a_loop_ends() {
        let records = [
            record("c.io", 1, DnsData::Address(ip(1))),
            record("b.io", 1, DnsData::Alias("c.io")),
            record("a.io", 1, DnsData::Alias("b.io")),
            record("c.io", 1, DnsData::Alias("a.io")),
        ];
        assert_eq!(taught("a.io", &records).unwrap().addresses, [ip(1)]);
    }

    #[test]
    fn a_record_of_any_other_name_spoils_the_answer() {
        for data in [DnsData::Address(ip(2)), DnsData::Alias("a.io"), DnsData::Other] {
            let records = [record("a.io", 1, DnsData::Address(ip(1))), record("evil.io", 1, data)];
            let error = taught("a.io", &records).unwrap_err();
            assert_eq!(error, AnswerError::OffChain("evil.io.".into()));
            assert!(error.to_string().contains("`evil.io.`"));
        }
    }

    #[test]
    fn an_answer_without_addresses_teaches_none() {
        assert!(taught("a.io", &[]).unwrap().addresses.is_empty());
        assert!(taught("a.io", &[record("a.io", 5, DnsData::Alias("b.io"))]).unwrap().addresses.is_empty());
    }
}
