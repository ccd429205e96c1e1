//! ICMP types (docs/semantics/cilium.md#cilium-icmp).

use super::{
    fault::{Faults, PortFault},
    port::{MAX_PORTS, Port},
    port_number::Number,
    scope::Scope,
};
use crate::{
    net::Protocol,
    resource::cilium::{IcmpField, IcmpRule},
};
use alloc::{format, string::ToString, vec::Vec};
use serde_json::Value;

const NAMES_V4: [(&str, u8); 12] = [
    ("EchoReply", 0),
    ("DestinationUnreachable", 3),
    ("Redirect", 5),
    ("Echo", 8),
    ("EchoRequest", 8),
    ("RouterAdvertisement", 9),
    ("RouterSelection", 10),
    ("TimeExceeded", 11),
    ("ParameterProblem", 12),
    ("Timestamp", 13),
    ("TimestampReply", 14),
    ("Photuris", 40),
];

const MORE_V4: [(&str, u8); 2] = [("ExtendedEchoRequest", 42), ("ExtendedEchoReply", 43)];

const NAMES_V6: [(&str, u8); 24] = [
    ("DestinationUnreachable", 1),
    ("PacketTooBig", 2),
    ("TimeExceeded", 3),
    ("ParameterProblem", 4),
    ("EchoRequest", 128),
    ("EchoReply", 129),
    ("MulticastListenerQuery", 130),
    ("MulticastListenerReport", 131),
    ("MulticastListenerDone", 132),
    ("RouterSolicitation", 133),
    ("RouterAdvertisement", 134),
    ("NeighborSolicitation", 135),
    ("NeighborAdvertisement", 136),
    ("RedirectMessage", 137),
    ("RouterRenumbering", 138),
    ("ICMPNodeInformationQuery", 139),
    ("ICMPNodeInformationResponse", 140),
    ("InverseNeighborDiscoverySolicitation", 141),
    ("InverseNeighborDiscoveryAdvertisement", 142),
    ("HomeAgentAddressDiscoveryRequest", 144),
    ("HomeAgentAddressDiscoveryReply", 145),
    ("MobilePrefixSolicitation", 146),
    ("MobilePrefixAdvertisement", 147),
    ("DuplicateAddressRequestCodeSuffix", 157),
];

const MORE_V6: [(&str, u8); 3] = [
    ("DuplicateAddressConfirmationCodeSuffix", 158),
    ("ExtendedEchoRequest", 160),
    ("ExtendedEchoReply", 161),
];

/// Returns the ICMP types of one item of `icmps` at `path`.
pub(crate) fn fields(
    rule: &IcmpRule,
    deny: bool,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Vec<Port> {
    let list = rule.fields.as_deref().unwrap_or_default();
    if list.len() > MAX_PORTS {
        faults.add(format!("{path}.fields"), PortFault::TooManyIcmpFields(list.len()));
    }
    let mut ports = Vec::new();
    for (i, field) in list.iter().enumerate() {
        let at = format!("{path}.fields[{i}]");
        let (protocol, kind) = match kind(field) {
            Ok(kind) => kind,
            Err((name, fault)) => {
                faults.add(format!("{at}.{name}"), fault);
                continue;
            }
        };
        let all = kind == 0 && (deny || !scope.is_strict());
        let number = if all { Number::Range(0, u16::MAX) } else { Number::Range(kind.into(), kind.into()) };
        ports.push(Port::single(protocol, number));
    }
    ports
}

/// Returns the protocol and the ICMP type of `field`.
///
/// # Errors
///
/// The name of the invalid field, and its fault.
pub(crate) fn kind(field: &IcmpField) -> Result<(Protocol, u8), (&'static str, PortFault)> {
    let protocol = match field.family.as_deref().unwrap_or_default() {
        "" | "IPv4" => Protocol::Icmp,
        "IPv6" => Protocol::Icmpv6,
        other => return Err(("family", PortFault::InvalidIcmpFamily(other.into()))),
    };
    let kind = field.kind.as_ref().and_then(|kind| number(kind, protocol));
    kind.map(|kind| (protocol, kind)).ok_or(("type", PortFault::InvalidIcmpType))
}

/// Whether `kind` is a type of one of the two families.
pub(crate) fn is_type(kind: &Value) -> bool {
    [Protocol::Icmp, Protocol::Icmpv6].into_iter().any(|protocol| number(kind, protocol).is_some())
}

fn number(kind: &Value, protocol: Protocol) -> Option<u8> {
    if let Value::Number(number) = kind {
        return number.as_u64().and_then(|n| n.try_into().ok());
    }
    let text = kind.as_str()?;
    if let Ok(number) = text.parse::<u8>()
        && number.to_string() == text
    {
        return Some(number);
    }
    let (names, more): (&[_], &[_]) = match protocol {
        Protocol::Icmp => (&NAMES_V4, &MORE_V4),
        _ => (&NAMES_V6, &MORE_V6),
    };
    names.iter().chain(more).find(|(name, _)| *name == text).map(|(_, number)| *number)
}
