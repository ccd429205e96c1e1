//! Requests with `Upgrade: connect-udp`. Envoy takes their host from the path, even if they do not upgrade the
//! connection.

use super::received::Received;
use alloc::{vec, vec::Vec};
use core::net::Ipv6Addr;

const PREFIX: &[u8] = b"/.well-known/masque/udp/";

/// Replaces the host of a request for a UDP tunnel by the host in its path. Returns `None` if the path contains no host.
pub(super) fn rewrite_authority(received: &mut Received) -> Option<()> {
    let is_connect_udp =
        received.headers.first("upgrade").is_some_and(|v| v.eq_ignore_ascii_case(b"connect-udp"));
    if !is_connect_udp {
        return Some(());
    }
    let rest = received.path.as_deref()?.strip_prefix(PREFIX)?;
    let mut parts = rest.split(|b| *b == b'/');
    let (host, port) = (parts.next()?, parts.next()?);
    if host.is_empty() || port.is_empty() || parts.next() != Some(b"") || parts.next().is_some() {
        return None;
    }
    let (host, port) = (unescape(host), unescape(port));
    if host.contains(&b'%') {
        return None;
    }
    let is_ipv6 = core::str::from_utf8(&host).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    let host = if is_ipv6 { [b"[", host.as_slice(), b"]"].concat() } else { host };
    received.authority = Some([host.as_slice(), b":", &port].concat());
    Some(())
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut out = vec![];
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        match escaped.and_then(|byte| u8::try_from(byte).ok()) {
            Some(byte) => {
                out.push(byte);
                rest = rest.get(3..).unwrap_or_default();
            }
            None => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}
