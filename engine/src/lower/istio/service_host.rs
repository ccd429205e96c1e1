//! The `service` of an extension provider: a host, with the namespace of its Service or ServiceEntry.

use alloc::{format, string::String};
use core::net::IpAddr;

/// The maximum length of a label of a DNS name.
pub(super) const MAX_LABEL: usize = 63;

/// The maximum length of a DNS name.
const MAX_NAME: usize = 255;

/// Returns the host of a provider's `service`: a host name, an address, or `namespace/host`.
///
/// # Errors
///
/// istiod rejects the text, or cannot find a service of this form.
pub(super) fn hostname(service: &str) -> Result<&str, String> {
    let invalid = |reason: &str| Err(format!("invalid service `{service}`: {reason}"));
    match service.split_once('/') {
        None if service.is_empty() => invalid("missing host name"),
        None if is_host_name(service) || is_address(service) => Ok(service),
        None => invalid("must be a host name, or `namespace/host`"),
        Some((namespace, _)) if !is_label(namespace) => invalid("the namespace must be a DNS label"),
        Some((_, host)) if !host.contains('.') => invalid("the host must be a full name"),
        Some((_, host)) if is_host_name(host.strip_prefix("*.").unwrap_or(host)) => Ok(host),
        Some(_) => invalid("the host must be a DNS name"),
    }
}

/// Returns whether `name` is a DNS name. Its last label may be empty but not a number.
fn is_host_name(name: &str) -> bool {
    let (labels, last) = name.rsplit_once('.').unwrap_or(("", name));
    let has_parent = name.contains('.');
    let is_last_valid =
        if last.is_empty() { has_parent } else { is_label(last) && last.parse::<i64>().is_err() };
    !name.is_empty()
        && name.len() <= MAX_NAME
        && is_last_valid
        && (!has_parent || labels.split('.').all(is_label))
}

/// Returns whether `label` is a DNS label. istiod accepts capital letters.
fn is_label(label: &str) -> bool {
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(is_valid)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Returns whether `text` is an address, with a zone for IPv6.
fn is_address(text: &str) -> bool {
    match text.split_once('%') {
        Some((address, zone)) => {
            !zone.is_empty() && address.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6())
        }
        None => text.parse::<IpAddr>().is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_is_a_host_with_an_optional_namespace() {
        for (service, host) in [
            ("a", "a"),
            ("a.b.", "a.b."),
            ("A.b", "A.b"),
            ("1.2.3.4", "1.2.3.4"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("foo/a.b", "a.b"),
            ("foo/*.a.b", "*.a.b"),
        ] {
            assert_eq!(hostname(service), Ok(host), "{service}");
        }
        for service in [
            "",
            "/",
            "not a host",
            "a/b/c",
            "a/b.c/d",
            "/a.b",
            "foo/",
            "foo/a",
            "foo/*",
            "foo/*a.b",
            "foo/a.1",
            "foo/1.2.3.4",
            "*/a.b",
            "./a.b",
            "~/a.b",
            "a..b",
            ".",
            "a.1",
            "a_b",
            "-a",
            "http://a",
            "a:80",
            "1.2.3",
            "1.2.3.4%x",
        ] {
            assert!(hostname(service).is_err(), "{service}");
        }
    }
}
