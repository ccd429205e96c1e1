//! The fields `toPorts` and `icmps` of an entry.

use super::{
    fault::{Faults, PortFault},
    icmp,
    l7::{self, L7},
    port::{MAX_PORTS, Port, PortGroup, Ports},
    port_number::{Number, filter_key, is_service_name, parse_port},
    scope::{EntryKind, Scope, below},
};
use crate::{
    ir::Field,
    net::Protocol,
    options::CiliumVersion,
    resource::cilium::{IcmpRule, PortProtocol, PortRule},
};
use alloc::{format, vec, vec::Vec};

/// Returns the ports of the entry at `path`.
pub(super) fn ports(
    to_ports: Option<&[PortRule]>,
    icmps: Option<&[IcmpRule]>,
    kind: EntryKind,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Ports {
    let to_ports = to_ports.unwrap_or_default();
    let icmps = icmps.unwrap_or_default();
    if !to_ports.is_empty() && !icmps.is_empty() {
        faults.add(path, PortFault::IcmpWithPorts);
    }
    let mut groups = Vec::new();
    for (index, rule) in (0u32..).zip(to_ports) {
        let at = format!("{path}.toPorts[{index}]");
        let list = rule.ports.as_deref().unwrap_or_default();
        let ports = port_list(list, &at, scope, faults);
        let mut policy = l7::per_selector_policy(rule, kind, &at, scope, faults);
        if let L7::Http(rules) = &mut policy.l7 {
            for test in rules.iter_mut().flatten() {
                test.origin.field = test.origin.field.within(index);
            }
        }
        groups.push(PortGroup { index, field: Field::new("toPorts[#].ports").index(index), ports, policy });
    }
    for (index, rule) in (0u32..).zip(icmps) {
        let at = format!("{path}.icmps[{index}]");
        let ports = icmp::fields(rule, kind.is_deny, &at, scope, faults);
        let field = Field::new("icmps[#].fields").index(index);
        groups.push(PortGroup { index, field, ports, ..PortGroup::default() });
    }
    if to_ports.is_empty() && icmps.is_empty() { Ports::Any } else { Ports::Listed(groups) }
}

fn port_list(list: &[PortProtocol], path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Vec<Port> {
    if list.len() > MAX_PORTS {
        faults.add(below(path, "ports"), PortFault::TooManyPorts(list.len()));
    }
    let mut ports = Vec::new();
    for (i, item) in list.iter().enumerate() {
        let at = format!("{path}.ports[{i}]");
        let protocols = protocols(item, &at, scope, faults);
        let Some((number, end)) = number(item, &protocols, &at, scope, faults) else { continue };
        let key = filter_key(item.port.as_deref().unwrap_or_default(), &number);
        let port = |protocol| Port { protocol, number: number.clone(), end, key };
        ports.extend(protocols.into_iter().map(port));
    }
    ports
}

/// Returns the protocols of `item`; none if the name is invalid.
fn protocols(item: &PortProtocol, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Vec<Protocol> {
    let text = item.protocol.as_deref().unwrap_or_default();
    let upper = text.to_ascii_uppercase();
    let at = below(path, "protocol");
    match (upper.as_str(), Protocol::parse(&upper)) {
        ("" | "ANY", _) => vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp],
        (_, Some(protocol @ (Protocol::Tcp | Protocol::Udp | Protocol::Sctp))) => vec![protocol],
        (_, Some(protocol @ Protocol::Other(number))) => {
            let older = matches!(number, 2 | 112);
            if !older && scope.options.cilium.version < CiliumVersion::V1_20 {
                faults.add(at, PortFault::ProtocolRequiresRelease(text.into()));
            } else if !scope.options.cilium.extended_ip_protocols {
                faults.add(at, PortFault::ExtendedProtocolsOff(text.into()));
            }
            vec![protocol]
        }
        _ => {
            faults.add(at, PortFault::ProtocolWithoutPorts(text.into()));
            Vec::new()
        }
    }
}

fn number(
    item: &PortProtocol,
    protocols: &[Protocol],
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Option<(Number, u16)> {
    let text = item.port.as_deref().unwrap_or_default();
    let at = below(path, "port");
    let without_ports = protocols.iter().any(|p| matches!(p, Protocol::Other(_)));
    if without_ports && !is_service_name(text) {
        if !matches!(text, "" | "0") {
            faults.add(at, PortFault::UnexpectedPort);
        }
        return Some((Number::Range(0, u16::MAX), 0));
    }
    if text.is_empty() {
        // With extended protocols on, the agent requires no port of any protocol.
        if scope.options.cilium.extended_ip_protocols {
            return Some((Number::Range(0, u16::MAX), 0));
        }
        faults.add(at, PortFault::MissingPort);
        return None;
    }
    let end = end_port(item, path, faults);
    if is_service_name(text) {
        let end = end.filter(|_| !scope.is_strict()).unwrap_or_default();
        return Some((Number::Named(text.to_ascii_lowercase().into()), end));
    }
    let Some(port) = parse_port(text) else {
        faults.add(at, PortFault::InvalidPort(text.into()));
        return None;
    };
    let end = end.unwrap_or_default();
    let number = match port {
        0 => Number::Range(0, u16::MAX),
        port => Number::Range(port, end.max(port)),
    };
    Some((number, end))
}

fn end_port(item: &PortProtocol, path: &str, faults: &mut Faults) -> Option<u16> {
    let end = item.end_port.filter(|e| *e != 0)?;
    let end = u16::try_from(end).ok();
    if end.is_none() {
        faults.add(below(path, "endPort"), PortFault::InvalidEndPort);
    }
    end
}
