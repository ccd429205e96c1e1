//! The values of fields, and the result of an invalid value (docs/semantics/istio.md#istio-invalid-values).

use ipnet::IpNet;

/// An invalid value. It drops an ALLOW rule. For other actions only the value is dropped, and a field without a valid
/// value restricts nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// The rule is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dropped;

/// Returns an address or block without host bits; an address is a block of one address.
pub(crate) fn cidr(value: &str) -> Option<IpNet> {
    let net = if value.contains('/') {
        value.parse::<IpNet>().ok()?
    } else {
        IpNet::from(value.parse::<core::net::IpAddr>().ok()?)
    };
    Some(net.trunc())
}

/// Returns a port number.
pub(crate) fn port(value: &str) -> Option<u16> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten()
}
