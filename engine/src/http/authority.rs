//! Host names and request targets.

/// The host and the origin-form target of an absolute-form target, whose host replaces the Host header.
pub(super) fn absolute_form(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = [&b"http://"[..], b"https://"]
        .iter()
        .find(|s| target.get(..s.len()).is_some_and(|head| head.eq_ignore_ascii_case(s)))
        .and_then(|scheme| target.get(scheme.len()..))?;
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(end)?;
    (!host.is_empty()).then_some((host, if path.is_empty() { b"/" } else { path }))
}

/// Whether `host` may stand in `:authority`.
pub(super) fn is_authority(host: &[u8]) -> bool {
    host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@[]%".contains(b))
}
