//! The text of a port: a number or a name (docs/semantics/cilium.md#cilium-port-text).

use alloc::{boxed::Box, string::String};

/// A number, a range or a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Number {
    /// From the first to the last.
    Range(u16, u16),
    /// The container ports with this name, and on ingress the ports after them up to an `endPort`
    /// (docs/semantics/cilium.md#cilium-named-port-range).
    Named(Box<str>),
}

/// Whether the agent reads `text` as the name of a port: tried before the number, so `0x50` is a name
/// (docs/semantics/cilium.md#cilium-port-text).
pub(crate) fn is_service_name(text: &str) -> bool {
    text.len() <= 15
        && text.bytes().any(|b| b.is_ascii_alphabetic())
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Returns the number that Go reads from `text` with base detection. A text with a letter is a name.
pub(crate) fn parse_port(text: &str) -> Option<u16> {
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

/// Returns the port number in the key of the agent's filter for `text`, if it differs from the first port of `number`.
pub(super) fn filter_key(text: &str, number: &Number) -> Option<u16> {
    let Number::Range(first, _) = number else { return None };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let key = if digits { text.parse().unwrap_or(u16::MAX) } else { 0 };
    (key != *first).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_text_is_number_or_name_as_in_agent() {
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

    #[test]
    fn filter_key_is_text_in_base_ten() {
        for (text, first, expected) in [
            ("80", 80, None),
            ("0", 0, None),
            ("0120", 80, Some(120)),
            ("00", 0, None),
            ("0177777", 65535, None),
            ("1_000", 1000, Some(0)),
            ("", 0, None),
        ] {
            assert_eq!(filter_key(text, &Number::Range(first, first)), expected, "{text}");
        }
        assert_eq!(filter_key("http", &Number::Named("http".into())), None);
    }
}
