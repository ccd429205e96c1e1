//! Protocols, ports and address blocks.

use core::fmt;
use ipnet::IpNet;

/// Returns the address block in `text` by the rules of Go: without zone, sign or leading zeros. Sets the host bits to
/// zero.
pub(crate) fn parse_block(text: &str) -> Option<IpNet> {
    parse_block_with_host_bits(text).map(|net| net.trunc())
}

/// Returns the address block in `text` as [`parse_block`] does, but keeps the host bits.
pub(crate) fn parse_block_with_host_bits(text: &str) -> Option<IpNet> {
    let (address, length) = text.split_once('/')?;
    let digits = length.bytes().all(|b| b.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
    let length = length.parse().ok().filter(|_| digits)?;
    IpNet::new(address.parse().ok()?, length).ok()
}

/// An IP protocol that a policy can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP (IPv4).
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// Another protocol, by its IANA number.
    Other(u8),
}

impl Protocol {
    /// Returns the protocol `name`, which must be in upper case as in Kubernetes.
    ///
    /// ```
    /// use palisade::Protocol;
    /// assert_eq!(Protocol::parse("TCP"), Some(Protocol::Tcp));
    /// assert_eq!(Protocol::parse("tcp"), None);
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "TCP" => Self::Tcp,
            "UDP" => Self::Udp,
            "SCTP" => Self::Sctp,
            "ICMP" => Self::Icmp,
            "ICMPv6" => Self::Icmpv6,
            "IGMP" => Self::Other(2),
            "IPIP" => Self::Other(4),
            "IPV6" => Self::Other(41),
            "GRE" => Self::Other(47),
            "ESP" => Self::Other(50),
            "AH" => Self::Other(51),
            "VRRP" => Self::Other(112),
            _ => return None,
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => f.write_str("TCP"),
            Self::Udp => f.write_str("UDP"),
            Self::Sctp => f.write_str("SCTP"),
            Self::Icmp => f.write_str("ICMP"),
            Self::Icmpv6 => f.write_str("ICMPv6"),
            Self::Other(n) => write!(f, "IP protocol {n}"),
        }
    }
}

/// The protocol and the destination port of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport {
    /// The protocol.
    pub protocol: Protocol,
    /// The destination port, or the message type of ICMP.
    pub port: u16,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Icmp | Protocol::Icmpv6 => write!(f, "{} type {}", self.protocol, self.port),
            _ => write!(f, "{}/{}", self.protocol, self.port),
        }
    }
}
