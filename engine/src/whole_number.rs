//! Messages about numbers outside of the limits of a field.

use alloc::{
    format,
    string::{String, ToString},
};

/// The integer types of fields, with their limits.
const TYPES: [(&str, i128, i128); 6] = [
    ("u8", 0, u8::MAX as i128),
    ("u16", 0, u16::MAX as i128),
    ("u32", 0, u32::MAX as i128),
    ("u64", 0, u64::MAX as i128),
    ("i32", i32::MIN as i128, i32::MAX as i128),
    ("i64", i64::MIN as i128, i64::MAX as i128),
];

/// Returns `message`, an error of serde, with the name of a Rust type replaced by the limits of the field.
///
/// ```
/// let error = serde_json::from_str::<u16>("65536").unwrap_err().to_string();
/// let message = palisade::with_limits(&error);
/// assert!(message.starts_with("must be a whole number from 0 to 65535, got integer `65536`"), "{message}");
/// ```
#[must_use]
pub fn with_limits(message: &str) -> String {
    let of = |name: &str| TYPES.iter().find(|(own, ..)| *own == name);
    if let Some((_, least, most)) = message.strip_prefix("invalid ").and_then(of) {
        return format!("must be a whole number from {least} to {most}");
    }
    let Some((before, after)) = message.split_once(", expected ") else { return message.to_string() };
    let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    let Some((_, least, most)) = of(name) else { return message.to_string() };
    let got = before.strip_prefix("invalid value: ").or_else(|| before.strip_prefix("invalid type: "));
    format!("must be a whole number from {least} to {most}, got {}{rest}", got.unwrap_or(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_rust_type_is_replaced_by_its_limits() {
        for (message, expected) in [
            (
                "invalid value: integer `-1`, expected u8",
                "must be a whole number from 0 to 255, got integer `-1`",
            ),
            (
                "invalid type: floating point `1.5`, expected i32 at line 1 column 3",
                "must be a whole number from -2147483648 to 2147483647, got floating point `1.5` at line 1 column 3",
            ),
            ("invalid u16", "must be a whole number from 0 to 65535"),
            ("invalid u17", "invalid u17"),
            ("invalid type: null, expected a string", "invalid type: null, expected a string"),
            ("invalid type: null, expected u16x", "invalid type: null, expected u16x"),
            ("unknown field `u16`", "unknown field `u16`"),
        ] {
            assert_eq!(with_limits(message), expected);
        }
    }
}
