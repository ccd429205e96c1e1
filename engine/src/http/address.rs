//! IP addresses in headers and URLs, as Envoy parses and formats them.

use alloc::{
    format,
    string::{String, ToString},
};
use core::net::{IpAddr, Ipv6Addr};

/// An IP address. A scoped IPv6 address has a zone other than 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) ip: IpAddr,
    zone: u32,
}

/// The network interfaces of a Pod, whose names are allowed as zones.
const INTERFACES: [(&str, u32); 2] = [("lo", 1), ("eth0", 2)];

impl Address {
    /// Parses an IPv4 address of four decimal numbers, or an IPv6 address with or without a zone. A zone is a decimal
    /// number, or an interface of the pod if the address is link-local.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(text).ok()?;
        let Some((address, zone)) = text.split_once('%') else {
            return text.parse::<IpAddr>().ok().map(Self::from);
        };
        let ip: Ipv6Addr = address.parse().ok()?;
        let [first, second, ..] = ip.octets();
        let link_local = first == 0xfe && second & 0xc0 == 0x80 || first == 0xff && second & 0x0f == 2;
        let named = INTERFACES.iter().find(|(name, _)| link_local && *name == zone).map(|(_, index)| *index);
        let number = || zone.bytes().all(|b| b.is_ascii_digit()).then(|| zone.parse().ok()).flatten();
        Some(Self { ip: ip.into(), zone: named.or_else(number)? })
    }

    /// Returns the address in canonical form.
    pub(super) fn text(&self) -> String {
        let text = match self.ip {
            IpAddr::V6(ip) => ipv6_text(ip),
            IpAddr::V4(ip) => ip.to_string(),
        };
        if self.zone == 0 { text } else { format!("{text}%{}", self.zone) }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self { ip, zone: 0 }
    }
}

/// Returns the text of `inet_ntop`: an IPv4-compatible address ends with four decimal numbers.
fn ipv6_text(ip: Ipv6Addr) -> String {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
            let [.., a, b, c, d] = ip.octets();
            format!("::{a}.{b}.{c}.{d}")
        }
        _ => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(address: &str) -> Option<String> {
        Address::parse(address.as_bytes()).map(|address| address.text())
    }

    #[test]
    fn valid_addresses_are_parsed() {
        for (written, canonical) in [
            ("1.2.3.4", "1.2.3.4"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
            ("::1.2.3.4", "::1.2.3.4"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::1", "::1"),
            ("2001:db8::1%1", "2001:db8::1%1"),
            ("fe80::1%lo", "fe80::1%1"),
            ("ff02::1%lo", "ff02::1%1"),
            ("fe80::1%0", "fe80::1"),
            ("fe80::1%01", "fe80::1%1"),
            ("fe80::1%4294967295", "fe80::1%4294967295"),
        ] {
            assert_eq!(text(written).as_deref(), Some(canonical), "{written}");
        }
    }

    #[test]
    fn invalid_addresses_are_rejected() {
        for written in [
            "",
            "1.2.3",
            "1.2.3.04",
            "01.2.3.4",
            "1.2.3.4:80",
            "1.2.3.4%1",
            "[::1]",
            "2001:db8::00001",
            "1::2::3",
            "2001:db8::1%lo",
            "fe80::1%",
            "fe80::1%25lo",
            "fe80::1%+1",
            "fe80::1%-1",
            "fe80::1%0x1",
            "fe80::1% 1",
            "fe80::1%99999999999",
            "fe80::1%lo%1",
            "\u{a0}1.2.3.4",
            "1.2.3.4\u{3000}",
        ] {
            assert_eq!(text(written), None, "{written}");
        }
    }
}
