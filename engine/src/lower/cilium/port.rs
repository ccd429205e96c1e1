//! Ports, ICMP types and what a proxy looks at on them (docs/semantics/cilium.md#cilium-port-text).

use super::{
    Findings, icmp,
    l7::{self, Inspection, L7},
    peer::Scope,
    port_text,
    selector::below,
    trap,
};
use crate::{
    net::Protocol,
    options::CiliumVersion,
    resource::cilium::{IcmpRule, PortProtocol, PortRule},
};
use alloc::{boxed::Box, format, string::String, vec, vec::Vec};
use core::cmp::Ordering;

/// Most ports of one `toPorts` item, and most fields of one `icmps` item.
pub(super) const MAX_PORTS: usize = 40;

/// What L4 an entry is about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ports {
    /// The entry does not say: every protocol.
    Any,
    /// One of these; none at all means the entry contributes nothing.
    Listed(Vec<PortGroup>),
}

/// One item of `toPorts` or `icmps`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PortGroup {
    pub(super) index: u32,
    pub(super) ports: Vec<Port>,
    /// What proxies look at on them.
    pub(super) seen: Inspection,
}

impl PortGroup {
    /// What a parser lets through on them.
    pub(super) fn l7(&self) -> &L7 {
        &self.seen.l7
    }
}

/// One port, range or name of one protocol. Two ports are equal where the agent merges their rules in one filter.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) protocol: Protocol,
    pub(super) number: Number,
    /// `endPort` as it is written, 0 where it is absent. The agent keeps numbers apart by it, even where it adds no port
    /// (`endPort` equal to `port`); names it does not.
    pub(super) end: u16,
    /// The number in the filter's key, where it is not the first of `number` (see [`super::port_text`]).
    pub(super) key: Option<u16>,
}

impl Port {
    /// Stands for what an entry without ports is about.
    pub(super) const ALL: Self = Self::single(Protocol::Tcp, Number::Range(0, u16::MAX));

    /// A port without `endPort`.
    pub(super) const fn single(protocol: Protocol, number: Number) -> Self {
        Self { protocol, number, end: 0, key: None }
    }

    /// Whether it is several ports, but not all.
    pub(super) fn is_range(&self) -> bool {
        match &self.number {
            Number::Range(0, u16::MAX) | Number::Named(_) => false,
            Number::Range(first, last) => first != last,
        }
    }

    fn filter(&self) -> (Protocol, Option<&str>, u16, u16) {
        match &self.number {
            Number::Named(name) => (self.protocol, Some(name), 0, 0),
            Number::Range(first, _) => (self.protocol, None, self.key.unwrap_or(*first), self.end),
        }
    }
}

impl PartialEq for Port {
    fn eq(&self, other: &Self) -> bool {
        self.filter() == other.filter()
    }
}

impl Eq for Port {}

impl PartialOrd for Port {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Port {
    fn cmp(&self, other: &Self) -> Ordering {
        self.filter().cmp(&other.filter())
    }
}

/// Which ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    /// From the first to the last.
    Range(u16, u16),
    /// Those with this name, and on ingress those behind them up to an `endPort`
    /// (docs/semantics/cilium.md#cilium-named-port-range).
    Named(Box<str>),
}

/// What kind of list the ports stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) egress: bool,
    pub(super) deny: bool,
    /// Whether the subject is a node.
    pub(super) host: bool,
}

/// Lowers `toPorts` and `icmps` of one entry at `path`.
pub(super) fn ports(
    to_ports: Option<&[PortRule]>,
    icmps: Option<&[IcmpRule]>,
    place: Place,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Ports {
    let to_ports = to_ports.unwrap_or_default();
    let icmps = icmps.unwrap_or_default();
    if !to_ports.is_empty() && !icmps.is_empty() {
        let help = "write an entry of its own for `icmps`";
        findings.error("icmp-with-ports", path, "`icmps` stands beside `toPorts`", help);
    }
    let mut groups = Vec::new();
    for (index, rule) in (0u32..).zip(to_ports) {
        let at = format!("{path}.toPorts[{index}]");
        let list = rule.ports.as_deref().unwrap_or_default();
        if list.is_empty() {
            let help = "list `ports`, or remove the item";
            findings.warn("no-port", &at, "the item names no port, so it contributes nothing", help);
        }
        let ports = port_list(list, &at, scope, findings);
        let seen = l7::inspection(rule, place, &at, scope, findings);
        groups.push(PortGroup { index, ports, seen });
    }
    for (index, rule) in (0u32..).zip(icmps) {
        let at = format!("{path}.icmps[{index}]");
        let ports = icmp::fields(rule, place.deny, &at, scope, findings);
        groups.push(PortGroup { index, ports, ..PortGroup::default() });
    }
    if to_ports.is_empty() && icmps.is_empty() { Ports::Any } else { Ports::Listed(groups) }
}

fn port_list(list: &[PortProtocol], path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Vec<Port> {
    if list.len() > MAX_PORTS {
        let message = format!("{} ports, more than {MAX_PORTS}", list.len());
        findings.error("too-many", &below(path, "ports"), message, "split the item");
    }
    let mut ports = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}.ports[{i}]");
        trap::port_text(item, &at, findings);
        let protocols = protocols(item, &at, scope, findings);
        let Some((number, end)) = number(item, &protocols, &at, scope, findings) else { continue };
        let key = port_text::key(item.port.as_deref().unwrap_or_default(), &number);
        let port = |protocol| Port { protocol, number: number.clone(), end, key };
        ports.extend(protocols.into_iter().map(port));
    }
    ports
}

/// The protocols meant; none if the name is wrong.
fn protocols(item: &PortProtocol, path: &str, scope: &Scope<'_>, findings: &mut Findings) -> Vec<Protocol> {
    let text = item.protocol.as_deref().unwrap_or_default();
    let upper = text.to_ascii_uppercase();
    let at = below(path, "protocol");
    match (upper.as_str(), Protocol::parse(&upper)) {
        ("" | "ANY", _) => vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp],
        (_, Some(protocol @ (Protocol::Tcp | Protocol::Udp | Protocol::Sctp))) => vec![protocol],
        (_, Some(protocol @ Protocol::Other(number))) => {
            let older = matches!(number, 2 | 112);
            if !older && scope.options.cilium.version < CiliumVersion::V1_20 {
                let message = format!("protocol `{text}` requires Cilium 1.20");
                findings.error("bad-protocol", &at, message, "use TCP, UDP, SCTP, ANY, VRRP or IGMP");
            } else if !scope.options.cilium.extended_ip_protocols {
                let help = "set the option `extended` (agent: enable-extended-ip-protocols)";
                findings.error("option-needed", &at, format!("`{text}` is off"), help);
            }
            vec![protocol]
        }
        _ => {
            let help = "use TCP, UDP, SCTP or ANY; for ICMP write `icmps`";
            findings.error("bad-protocol", &at, format!("protocol `{text}` has no ports"), help);
            Vec::new()
        }
    }
}

fn number(
    item: &PortProtocol,
    protocols: &[Protocol],
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) -> Option<(Number, u16)> {
    let text = item.port.as_deref().unwrap_or_default();
    let at = below(path, "port");
    let without_ports = protocols.iter().any(|p| matches!(p, Protocol::Other(_)));
    if without_ports && !is_service_name(text) {
        if !matches!(text, "" | "0") {
            let message = "this protocol has no ports";
            findings.error("bad-port", &at, message, "remove the port");
        }
        return Some((Number::Range(0, u16::MAX), 0));
    }
    if text.is_empty() {
        // With them switched on the agent asks for no port of any protocol.
        if scope.options.cilium.extended_ip_protocols {
            return Some((Number::Range(0, u16::MAX), 0));
        }
        findings.error("bad-port", &at, "no port is given", "write a number or a name; `\"0\"` means all");
        return None;
    }
    let end = end_port(item, path, findings);
    if is_service_name(text) {
        let end = end.filter(|_| !scope.is_strict()).unwrap_or_default();
        return Some((Number::Named(text.to_ascii_lowercase().into()), end));
    }
    let Some(port) = parse_port(text) else {
        let help = "write a number up to 65535 (without leading zeros), or a name of at most 15 letters, digits \
                    and single dashes";
        findings.error("bad-port", &at, format!("invalid port `{text}`"), help);
        return None;
    };
    let end = end.unwrap_or_default();
    let number = match port {
        0 => Number::Range(0, u16::MAX),
        port => Number::Range(port, end.max(port)),
    };
    Some((number, end))
}

fn end_port(item: &PortProtocol, path: &str, findings: &mut Findings) -> Option<u16> {
    let end = item.end_port.filter(|e| *e != 0)?;
    let end = u16::try_from(end).ok();
    if end.is_none() {
        let message = "invalid endPort: it must be a port number";
        findings.error("bad-port", &below(path, "endPort"), message, "write a number up to 65535");
    }
    end
}

/// Whether the agent reads `text` as the name of a port: tried before the number, so `0x50` is a name
/// (docs/semantics/cilium.md#cilium-port-text).
pub(super) fn is_service_name(text: &str) -> bool {
    text.len() <= 15
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// A number as Go reads it with base detection; what has a letter was a name before.
pub(super) fn parse_port(text: &str) -> Option<u16> {
    let mut digits = String::with_capacity(text.len());
    for part in text.split('_') {
        if part.is_empty() {
            return None;
        }
        digits.push_str(part);
    }
    let radix = if digits.len() > 1 && digits.starts_with('0') { 8 } else { 10 };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    u16::from_str_radix(&digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_as_the_agent_reads_them() {
        assert_eq!(parse_port("0120"), Some(80));
        assert_eq!(parse_port("080"), None);
        assert_eq!(parse_port("65536"), None);
        assert_eq!(parse_port("+80"), None);
        for name in ["0x50", "http", "a-b", "8a"] {
            assert!(is_service_name(name), "{name}");
        }
        for text in ["80", "a--b", "-a", "a-", "a-very-long-port-name", "a_b", ""] {
            assert!(!is_service_name(text), "{text}");
        }
    }
}
