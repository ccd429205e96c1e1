//! Secrets, which contain header values for policies.

use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Map, Value};

/// The values of a Secret. They are used for comparisons only, and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// The value of each key; `None` for a value that is not UTF-8.
    pub values: BTreeMap<String, Option<String>>,
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Secret").field("keys", &self.values.keys()).finish()
    }
}

impl Secret {
    /// Reads `data` and `stringData`; the latter takes precedence.
    pub(crate) fn new(fields: &Map<String, Value>) -> Self {
        let entries = |name: &str| fields.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut values = BTreeMap::new();
        for (key, value) in entries("data") {
            let text = value.as_str().and_then(decode).and_then(|bytes| String::from_utf8(bytes).ok());
            values.insert(key, text);
        }
        for (key, value) in entries("stringData") {
            values.insert(key, value.as_str().map(ToString::to_string));
        }
        Self { values }
    }
}

/// Decodes Base64 with padding, as Kubernetes does. White space is ignored.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    let mut bytes = Vec::with_capacity(digits.len());
    for chunk in digits.chunks(4) {
        let [a, b, c, d] = <[u8; 4]>::try_from(chunk).ok()?;
        let padding = usize::from(c == b'=') + usize::from(d == b'=');
        let mut word = 0u32;
        for digit in [a, b, c, d] {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => 0,
                _ => return None,
            };
            word = (word << 6) | u32::from(value);
        }
        bytes.extend(word.to_be_bytes().iter().skip(1).take(3 - padding));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_from_base64() {
        assert_eq!(decode("Zm9v").as_deref(), Some(&b"foo"[..]));
        assert_eq!(decode("Zm8=").as_deref(), Some(&b"fo"[..]));
        assert_eq!(decode("Zg==").as_deref(), Some(&b"f"[..]));
        assert_eq!(decode("Zg=").as_deref(), None);
        assert_eq!(decode("Z!==").as_deref(), None);
        let fields = serde_json::json!({"data": {"a": "Zm9v", "b": "!"}, "stringData": {"c": "bar"}});
        let secret = Secret::new(fields.as_object().unwrap());
        assert_eq!(secret.values["a"].as_deref(), Some("foo"));
        assert_eq!(secret.values["b"], None);
        assert_eq!(secret.values["c"].as_deref(), Some("bar"));
        assert!(!alloc::format!("{secret:?}").contains("foo"));
    }
}
