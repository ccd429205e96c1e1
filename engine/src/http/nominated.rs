//! The headers that `Connection` lists, which an HTTP/1 proxy removes.

use super::{
    header::{elements, trim},
    header_map::HeaderMap,
    received::{Received, has_element},
};
use alloc::vec::Vec;

/// The number of elements from which on Envoy rejects a request.
const TOO_MANY: usize = 10;
/// The size in bytes from which on Envoy rejects a listed `TE`.
const TOO_LONG: usize = 256;

/// Removes the headers that `Connection` lists. Returns `None` if Envoy rejects the request: an element is a pseudo header or
/// a header about the origin of the request, or there are too many elements.
pub(super) fn remove(received: &mut Received) -> Option<()> {
    let list = received.headers.first("connection")?.to_vec();
    if list.split(|b| *b == b',').filter(|element| !element.is_empty()).count() >= TOO_MANY {
        return None;
    }
    for element in elements(&list) {
        let name = core::str::from_utf8(element).unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            "" | "close" | "http2-settings" | "keep-alive" | "upgrade" | "connection" => {}
            "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto" => return None,
            pseudo if pseudo.starts_with(':') => return None,
            "host" => received.authority = None,
            "te" => {
                if received.headers.first("te").is_some_and(|value| value.len() >= TOO_LONG) {
                    return None;
                }
                match has_element(&received.headers, "te", b"trailers") {
                    true => received.headers.set("te", b"trailers"),
                    false => received.headers.remove("te"),
                }
            }
            name => received.headers.remove(name),
        }
    }
    Some(())
}

/// Removes `names` from the elements of `Connection`.
pub(super) fn forget(headers: &mut HeaderMap, names: &[&[u8]]) {
    let Some(list) = headers.first("connection") else { return };
    let kept = list
        .split(|b| *b == b',')
        .map(trim)
        .filter(|element| !names.iter().any(|name| name.eq_ignore_ascii_case(element)));
    let kept: Vec<&[u8]> = kept.collect();
    match kept.is_empty() {
        true => headers.remove("connection"),
        false => headers.set("connection", &kept.join(&b',')),
    }
}
