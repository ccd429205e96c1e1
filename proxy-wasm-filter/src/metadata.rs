//! Dynamic metadata, read in place from the protobuf message `envoy.config.core.v3.Metadata`.
//!
//! The proxy also returns single values, but without their types: the string `"\u{1}"` and the boolean `true` have the
//! same bytes, and a string can have the bytes of a list. A client can choose the claims of a token. Therefore the
//! filter reads the whole message, in which every value has its type.
//!
//! ```text
//! Metadata  { map<string, Struct> filter_metadata = 1; }
//! Struct    { map<string, Value> fields = 1; }
//! Value     { null = 1, number = 2, string = 3, bool = 4, Struct = 5, ListValue = 6 }
//! ListValue { repeated Value values = 1; }
//! ```

use core::ops::ControlFlow;
use palisade::{Shape, Visit};

/// The error for an invalid message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Malformed;

/// Visits the strings at `path` in the namespace `filter`: a string, or the strings of a list, as `shape` requires.
/// Every part of the path but the last must be a struct.
pub fn strings<'p>(
    metadata: &[u8],
    filter: &str,
    path: impl IntoIterator<Item = &'p str>,
    shape: Shape,
    visit: Visit<'_>,
) -> Result<(), Malformed> {
    let Some(mut fields) = entry(metadata, filter)? else { return Ok(()) };
    let mut path = path.into_iter().peekable();
    while let Some(part) = path.next() {
        let Some(value) = entry(fields, part)? else { return Ok(()) };
        match (kind(value)?, path.peek()) {
            (ValueKind::Struct(inner), Some(_)) => fields = inner,
            (ValueKind::Text(text), None) if shape != Shape::List => {
                let _ = visit(text);
                return Ok(());
            }
            (ValueKind::List(items), None) if shape != Shape::Text => return list(items, visit),
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn list(items: &[u8], visit: Visit<'_>) -> Result<(), Malformed> {
    for field in fields(items) {
        if let (1, Some(value)) = field?
            && let ValueKind::Text(text) = kind(value)?
            && visit(text) == ControlFlow::Break(())
        {
            break;
        }
    }
    Ok(())
}

enum ValueKind<'a> {
    Text(&'a [u8]),
    Struct(&'a [u8]),
    List(&'a [u8]),
    Other,
}

/// Returns the kind of a `Value`. As protobuf requires, the last alternative counts.
fn kind(value: &[u8]) -> Result<ValueKind<'_>, Malformed> {
    let mut kind = ValueKind::Other;
    for field in fields(value) {
        kind = match field? {
            (3, Some(text)) => ValueKind::Text(text),
            (5, Some(fields)) => ValueKind::Struct(fields),
            (6, Some(items)) => ValueKind::List(items),
            _ => ValueKind::Other,
        };
    }
    Ok(kind)
}

/// Returns the value of `key` in the map in field 1; the last entry counts.
fn entry<'a>(message: &'a [u8], key: &str) -> Result<Option<&'a [u8]>, Malformed> {
    let mut found = None;
    for field in fields(message) {
        let (1, Some(pair)) = field? else { continue };
        let (mut name, mut value) = (&b""[..], &b""[..]);
        for part in fields(pair) {
            match part? {
                (1, Some(text)) => name = text,
                (2, Some(bytes)) => value = bytes,
                _ => {}
            }
        }
        if name == key.as_bytes() {
            found = Some(value);
        }
    }
    Ok(found)
}

/// Returns the fields of a message: the number, and the bytes of fields with a length.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<(u64, Option<&[u8]>), Malformed>> {
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest).ok_or(Malformed);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let tag = varint(rest)?;
    let bytes = match tag & 7 {
        0 => {
            varint(rest)?;
            None
        }
        1 => {
            take(rest, 8)?;
            None
        }
        2 => {
            let len = usize::try_from(varint(rest)?).ok()?;
            Some(take(rest, len)?)
        }
        5 => {
            take(rest, 4)?;
            None
        }
        _ => return None,
    };
    Some((tag >> 3, bytes))
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded by a filter in Envoy 1.40.0: namespace `ns` with a list that has a null, a list with every kind, a
    /// null, an empty string, an object, an empty list and object, a list, a string, a boolean and a number.
    const METADATA: &[u8] = b"\n\xd5\x01\n\x02ns\x12\xce\x01\
        \n\x11\n\x02lz\x12\x0b2\t\n\x03\x1a\x01a\n\x02\x08\x00\
        \n6\n\x05mixed\x12-2+\n\x03\x1a\x01a\n\t\x11\x00\x00\x00\x00\x00\x00\xf0?\n\x02 \x01\
        \n\x072\x05\n\x03\x1a\x01x\n\x0c*\n\n\x08\n\x01y\x12\x03\x1a\x01z\
        \n\x07\n\x01z\x12\x02\x08\x00\n\x08\n\x02es\x12\x02\x1a\x00\
        \n!\n\x01o\x12\x1c*\x1a\n\x08\n\x01k\x12\x03\x1a\x01v\n\x0e\n\x01n\x12\t\x11\x00\x00\x00\x00\x00\x00\xf0?\
        \n\x08\n\x02el\x12\x022\x00\n\x08\n\x02eo\x12\x02*\x00\
        \n\x12\n\x01l\x12\r2\x0b\n\x03\x1a\x01a\n\x04\x1a\x02bb\
        \n\n\n\x01s\x12\x05\x1a\x03str\n\x07\n\x01b\x12\x02 \x01\n\x0e\n\x01n\x12\t\x11\x00\x00\x00\x00\x00\x00\x14@";

    fn read(filter: &str, path: &[&str], shape: Shape) -> Vec<String> {
        let mut seen = Vec::new();
        let mut visit = |text: &[u8]| {
            seen.push(String::from_utf8(text.to_vec()).unwrap());
            ControlFlow::Continue(())
        };
        strings(METADATA, filter, path.iter().copied(), shape, &mut visit).unwrap();
        seen
    }

    #[test]
    fn only_strings_and_strings_of_a_list_are_visited() {
        let both = |path: &[&str]| read("ns", path, Shape::TextOrList);

        assert_eq!(both(&["s"]), ["str"]);
        assert_eq!(both(&["es"]), [""]);
        assert_eq!(both(&["l"]), ["a", "bb"]);
        assert_eq!(both(&["lz"]), ["a"]);
        assert_eq!(both(&["mixed"]), ["a"]);
        assert_eq!(both(&["o", "k"]), ["v"]);
        for absent in
            [&["n"][..], &["b"], &["z"], &["o"], &["el"], &["eo"], &["o", "n"], &["l", "0"], &["s", "s"], &[]]
        {
            assert!(both(absent).is_empty(), "{absent:?}");
        }
        assert!(read("other", &["s"], Shape::TextOrList).is_empty());
    }

    #[test]
    fn value_of_another_shape_is_not_visited() {
        assert!(read("ns", &["s"], Shape::List).is_empty());
        assert!(read("ns", &["l"], Shape::Text).is_empty());
        assert_eq!(read("ns", &["s"], Shape::Text), ["str"]);
        assert_eq!(read("ns", &["l"], Shape::List), ["a", "bb"]);
    }

    #[test]
    fn truncated_message_is_never_read_past_its_end() {
        for len in 0..METADATA.len() {
            let cut = &METADATA[..len];
            let _ = strings(cut, "ns", ["mixed"], Shape::TextOrList, &mut |_| ControlFlow::Continue(()));
        }
        let broken =
            strings(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ns", ["s"], Shape::Text, &mut |_| {
                ControlFlow::Continue(())
            });
        assert_eq!(broken, Err(Malformed));
    }
}
