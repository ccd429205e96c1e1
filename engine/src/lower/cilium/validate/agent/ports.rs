//! Messages about ports and ICMP types.

use super::{
    super::super::model::{MAX_PORTS, PortFault},
    text::{Text, text},
};
use alloc::format;

pub(super) fn port(fault: &PortFault) -> Text {
    match fault {
        PortFault::IcmpWithPorts => text(
            "icmp-with-ports",
            "`icmps` and `toPorts` are both set",
            "write an entry of its own for `icmps`",
        ),
        PortFault::TooManyPorts(number) => {
            text("too-many", format!("{number} ports, more than {MAX_PORTS}"), "split the item")
        }
        PortFault::TooManyIcmpFields(number) => {
            text("too-many", format!("{number} fields, more than {MAX_PORTS}"), "split the item")
        }
        PortFault::ProtocolRequiresRelease(protocol) => text(
            "bad-protocol",
            format!("protocol `{protocol}` requires Cilium 1.20"),
            "use TCP, UDP, SCTP, ANY, VRRP or IGMP",
        ),
        PortFault::ExtendedProtocolsOff(protocol) => text(
            "option-needed",
            format!("`{protocol}` is off"),
            "set the option `extended` (agent: enable-extended-ip-protocols)",
        ),
        PortFault::ProtocolWithoutPorts(protocol) => text(
            "bad-protocol",
            format!("protocol `{protocol}` has no ports"),
            "use TCP, UDP, SCTP or ANY; for ICMP write `icmps`",
        ),
        PortFault::UnexpectedPort => text("bad-port", "this protocol has no ports", "remove the port"),
        PortFault::MissingPort => {
            text("bad-port", "no port is given", "write a number or a name; `\"0\"` means all")
        }
        PortFault::InvalidPort(port) => text(
            "bad-port",
            format!("invalid port `{port}`"),
            "write a number up to 65535 (without leading zeros), or a name of at most 15 letters, digits and single \
             dashes",
        ),
        PortFault::InvalidEndPort => {
            text("bad-port", "invalid endPort: it must be a port number", "write a number up to 65535")
        }
        PortFault::InvalidIcmpFamily(family) => {
            text("bad-icmp", format!("invalid address family `{family}`"), "use `IPv4` or `IPv6`")
        }
        PortFault::InvalidIcmpType => {
            text("bad-icmp", "invalid ICMP type", "write a number up to 255, or a name such as `EchoRequest`")
        }
    }
}
