//! The schema's patterns and enumerations, each as a predicate on one value.

use crate::options::CiliumVersion;

/// The maximum length of a name.
const MAX_NAME: usize = 255;

/// Whether `text` is one or more runs of letters, digits, `-`, `_` (and `*`), each with at most one dot after it.
pub(super) fn is_dns_name(text: &str, stars: bool) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') || (stars && b == b'*');
    text.len() <= MAX_NAME
        && text.bytes().all(legal)
        && !text.is_empty()
        && !text.starts_with('.')
        && !text.contains("..")
}

/// Whether `text` matches the pattern of ports. Its alternatives are not anchored: a text that begins with a digit is a
/// port, and so is a text that ends like a name.
pub(super) fn is_port(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) || ends_like_a_name(text)
}

/// Whether the end of `text` is letters and digits with single dashes between them, one of them a letter.
fn ends_like_a_name(text: &str) -> bool {
    let mut dash = true;
    for byte in text.bytes().rev() {
        match byte {
            b if b.is_ascii_alphabetic() => return true,
            b if b.is_ascii_digit() => dash = false,
            b'-' if !dash => dash = true,
            _ => return false,
        }
    }
    false
}

/// Whether `text` is a protocol, in upper case.
pub(super) fn is_protocol(text: &str, version: CiliumVersion) -> bool {
    match text {
        "TCP" | "UDP" | "SCTP" | "ANY" | "VRRP" | "IGMP" => true,
        "GRE" | "IPIP" | "IPV6" | "ESP" | "AH" => version >= CiliumVersion::V1_20,
        _ => false,
    }
}

/// Whether `text` is an entity of the schema. The agent also accepts `world-ipv4` and `world-ipv6`.
pub(super) fn is_entity(text: &str, version: CiliumVersion) -> bool {
    match text {
        "all" | "world" | "cluster" | "host" | "init" | "ingress" | "unmanaged" | "remote-node"
        | "health" | "none" | "kube-apiserver" => true,
        "cluster-mesh" => version >= CiliumVersion::V1_20,
        _ => false,
    }
}

/// Whether `text` is at most 32 printable characters.
pub(super) fn is_log_value(text: &str) -> bool {
    text.chars().count() <= 32 && !text.chars().any(char::is_control)
}

/// Whether `text` is a DNS subdomain of Kubernetes.
pub(super) fn is_subdomain(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 253
        && text.split('.').all(|label| {
            label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && edge(label.bytes().next())
                && edge(label.bytes().next_back())
        })
}

/// Whether `text` is a host name of any alphabet.
pub(super) fn is_idn_hostname(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn port_pattern_without_anchor_accepts_digit_prefix_and_name_suffix() {
        for port in ["80", "0x50", "80 and more", "http", "a-b", "99999", "x y-http"] {
            assert!(is_port(port), "{port}");
        }
        for port in ["", "-1", "a-", " ", "a b -"] {
            assert!(!is_port(port), "{port}");
        }
        assert!(is_port("a--b"));
        assert!(!is_port("--1"));
    }

    #[test]
    fn dns_name_with_empty_label_is_invalid() {
        for name in ["cilium.io", "cilium.io.", "_x.a", "-"] {
            assert!(is_dns_name(name, false), "{name}");
        }
        for name in ["", ".", ".a", "a..b", "*.a", "a b"] {
            assert!(!is_dns_name(name, false), "{name}");
        }
        assert!(is_dns_name("**.a.", true));
        assert!(!is_dns_name(&"a".repeat(256), true));
    }

    #[test]
    fn regular_expression_is_not_host_name() {
        assert!(is_idn_hostname("bücher.example.com"));
        assert!(!is_idn_hostname(".*[.]example[.]com"));
        assert!(!is_idn_hostname("example.com:8080"));
        let label = format!("{}.", "a".repeat(63)).repeat(3);
        assert!(is_idn_hostname(&format!("{label}{}", "a".repeat(61))));
        assert!(!is_idn_hostname(&format!("{label}{}", "a".repeat(62))));
    }

    #[test]
    fn schema_rejects_entities_and_protocols_that_agent_accepts() {
        assert!(!is_entity("world-ipv4", CiliumVersion::V1_20));
        assert!(!is_entity("cluster-mesh", CiliumVersion::V1_19));
        assert!(!is_protocol("tcp", CiliumVersion::V1_20));
        assert!(!is_protocol("GRE", CiliumVersion::V1_19));
    }
}
