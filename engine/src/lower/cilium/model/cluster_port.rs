//! The ports of a ClusterNetworkPolicy.

use super::{
    fault::{ClusterNetworkPolicyFault, Faults},
    port::{Port, PortGroup, Ports},
    port_number::Number,
};
use crate::{
    ir::Field,
    net::Protocol,
    resource::kubernetes::{PortMatch, ProtocolMatch},
};
use alloc::{format, vec::Vec};

/// Returns the ports of the protocols `list` of the rule at `path`.
pub(super) fn ports(list: &[ProtocolMatch], path: &str, faults: &mut Faults) -> Ports {
    if list.is_empty() {
        return Ports::Any;
    }
    let mut groups = Vec::new();
    for (index, item) in (0u32..).zip(list) {
        let given = [
            item.tcp.is_some(),
            item.udp.is_some(),
            item.sctp.is_some(),
            item.destination_named_port.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            faults.add(format!("{path}.protocols[{index}]"), ClusterNetworkPolicyFault::NotOneProtocol);
        }
        let mut ports = Vec::new();
        for (protocol, range) in
            [(Protocol::Tcp, &item.tcp), (Protocol::Udp, &item.udp), (Protocol::Sctp, &item.sctp)]
        {
            let Some(range) = range else { continue };
            match number(range) {
                Some(number) => {
                    let end = match number {
                        Number::Range(first, last) if first < last => last,
                        _ => 0,
                    };
                    ports.push(Port { end, ..Port::single(protocol, number) });
                }
                None => {
                    faults.add(format!("{path}.protocols[{index}]"), ClusterNetworkPolicyFault::InvalidPort);
                }
            }
        }
        if let Some(name) = &item.destination_named_port {
            let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
            let number = Number::Named(name.to_ascii_lowercase().into());
            ports.extend(all.map(|protocol| Port::single(protocol, number.clone())));
        }
        let field = Field::new("protocols[#]").index(index);
        groups.push(PortGroup { index, field, ports, ..PortGroup::default() });
    }
    Ports::Listed(groups)
}

fn number(range: &PortMatch) -> Option<Number> {
    let port = range.destination_port.as_ref()?;
    match (port.number, &port.range) {
        (Some(number), None) if number > 0 => Some(Number::Range(number, number)),
        (None, Some(range)) if range.start > 0 && range.start < range.end => {
            Some(Number::Range(range.start, range.end))
        }
        _ => None,
    }
}
