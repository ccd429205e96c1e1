//! Simple implementations for comparison, written from the documentation and not from the engine.

use core::{iter, net::IpAddr};

/// Parses a block as Go does: an address, a slash, a length without sign and leading zero.
pub(crate) fn block(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length = (0..=if address.is_ipv4() { 32u32 } else { 128 }).find(|n| n.to_string() == length)?;
    Some((address, length))
}

/// Whether the first bits of both addresses are equal.
pub(crate) fn inside((net, length): (IpAddr, u32), address: IpAddr) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (32, u128::from(ip.to_bits())),
        IpAddr::V6(ip) => (128, ip.to_bits()),
    };
    let ((width, net), (other, address)) = (bits(net), bits(address));
    width == other && (0..length).all(|n| (net ^ address) >> (width - 1 - n) & 1 == 0)
}

/// Whether `pattern` of `toFQDNs` matches `name`.
pub(crate) fn fqdn(pattern: &str, name: &str) -> bool {
    let canonical = |text: &str| {
        let text = text.to_ascii_lowercase();
        if text.ends_with('.') { text } else { text + "." }
    };
    let (pattern, name) = (canonical(pattern), canonical(name));
    let stars = pattern.bytes().take_while(|b| *b == b'*').count();
    let rest: &str = pattern.get(stars..).unwrap_or_default();
    let legal = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let labels = |text: &str| {
        text.strip_suffix('.').is_some_and(|t| t.split('.').all(|label| !label.is_empty() && legal(label)))
    };
    if stars > 0 && rest == "." {
        return name == "." || labels(&name);
    }
    if stars >= 2 && rest.starts_with('.') {
        let tail = rest.strip_prefix('.').unwrap_or_default();
        let ends = name.char_indices().filter(|(_, c)| *c == '.').map(|(at, _)| name.split_at(at + 1));
        return ends.into_iter().any(|(head, rest)| labels(head) && glob(tail.as_bytes(), rest.as_bytes()));
    }
    glob(pattern.as_bytes(), name.as_bytes())
}

/// Whether `pattern` matches `name`. A star matches a run of letters, digits, `-` and `_`.
///
/// After each byte of the pattern, `used` contains whether the pattern so far matches each prefix of the name.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    let legal =
        |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let before = || iter::once(None).chain(name.iter().map(Some));
    let mut used: Vec<bool> = before().map(|byte| byte.is_none()).collect();
    for expected in pattern {
        let mut running = false;
        let shifted = iter::once(false).chain(used.iter().copied());
        used = match expected {
            b'*' => (used.iter().zip(before()))
                .map(|(here, byte)| {
                    running = *here || (running && legal(byte));
                    running
                })
                .collect(),
            expected => shifted.zip(before()).map(|(here, byte)| here && byte == Some(expected)).collect(),
        };
    }
    used.last() == Some(&true)
}
