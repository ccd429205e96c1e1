//! Attribute values and their bytes in Envoy, which do not include the type.

use crate::{abi::Status, header_map::encode_pairs};

/// A value of the expression language in Envoy.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Text or bytes, unchanged.
    Bytes(Vec<u8>),
    /// Eight bytes, little-endian.
    Int(i64),
    /// Eight bytes, little-endian.
    Uint(u64),
    /// Eight bytes, IEEE 754, little-endian.
    Double(f64),
    /// One byte.
    Bool(bool),
    /// A null, which has no serialized form.
    Null,
    /// Pairs of a key and a serialized value.
    Map(Vec<(Vec<u8>, Value)>),
    /// Pairs of a serialized element and an empty text.
    List(Vec<Value>),
    /// A protobuf message, with its fields and its wire form.
    Message {
        /// Fields by name.
        fields: Vec<(Vec<u8>, Value)>,
        /// The wire form.
        wire: Vec<u8>,
    },
    /// A map with readable entries that is not readable itself (`connection`, `request`, a map of messages).
    Opaque(Vec<(Vec<u8>, Value)>),
}

impl Value {
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(text.into())
    }

    /// Returns the value of a protobuf `Struct`, in which every number is a double.
    pub(crate) fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(bool) => Self::Bool(*bool),
            serde_json::Value::Number(number) => Self::Double(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::text(text.as_bytes()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from_json).collect()),
            serde_json::Value::Object(fields) => {
                let field = |(key, value): (&String, &_)| (key.clone().into_bytes(), Self::from_json(value));
                Self::Map(fields.iter().map(field).collect())
            }
        }
    }

    /// Returns the entry `part` of the value.
    pub(crate) fn step(self, part: &[u8]) -> Result<Self, Status> {
        match self {
            Self::Map(fields) | Self::Opaque(fields) | Self::Message { fields, .. } => fields
                .into_iter()
                .find(|(key, _)| key == part)
                .map(|(_, value)| value)
                .ok_or(Status::NotFound),
            Self::List(items) => {
                let index = core::str::from_utf8(part).ok().and_then(|part| part.parse::<usize>().ok());
                index.and_then(|index| items.into_iter().nth(index)).ok_or(Status::NotFound)
            }
            _ => Err(Status::NotFound),
        }
    }

    /// Returns the bytes that a guest receives.
    pub(crate) fn serialize(&self) -> Result<Vec<u8>, Status> {
        Ok(match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Int(int) => int.to_le_bytes().to_vec(),
            Self::Uint(uint) => uint.to_le_bytes().to_vec(),
            Self::Double(double) => double.to_le_bytes().to_vec(),
            Self::Bool(bool) => vec![u8::from(*bool)],
            Self::Null | Self::Opaque(_) => return Err(Status::SerializationFailure),
            Self::Map(fields) => {
                let pair = |(key, value): &(Vec<u8>, Self)| Ok((key.clone(), value.serialize()?));
                pairs_or_zero(&fields.iter().map(pair).collect::<Result<Vec<_>, Status>>()?)
            }
            Self::List(items) => {
                let pair = |item: &Self| Ok((item.serialize()?, Vec::new()));
                pairs_or_zero(&items.iter().map(pair).collect::<Result<Vec<_>, Status>>()?)
            }
            Self::Message { wire, .. } => wire.clone(),
        })
    }
}

/// Serializes a map or list. An empty one is a count of zero, unlike an empty header map, which has no bytes.
fn pairs_or_zero(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    if pairs.is_empty() { 0u32.to_le_bytes().to_vec() } else { encode_pairs(pairs) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bytes(json: &serde_json::Value) -> Result<Vec<u8>, Status> {
        Value::from_json(json).serialize()
    }

    // A filter in Envoy 1.40.0 recorded the bytes below.
    #[test]
    fn values_have_the_bytes_of_envoy() {
        assert_eq!(bytes(&json!("str")), Ok(b"str".to_vec()));
        assert_eq!(bytes(&json!(5)), Ok(b"\0\0\0\0\0\0\x14@".to_vec()));
        assert_eq!(bytes(&json!(true)), Ok(b"\x01".to_vec()));
        assert_eq!(
            bytes(&json!(["a", "bb"])),
            Ok(b"\x02\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0a\0\0bb\0\0".to_vec())
        );
        assert_eq!(bytes(&json!([])), Ok(vec![0; 4]));
        assert_eq!(
            bytes(&json!({"app": "sample"})),
            Ok(b"\x01\0\0\0\x03\0\0\0\x06\0\0\0app\0sample\0".to_vec())
        );
        assert_eq!(bytes(&json!(null)), Err(Status::SerializationFailure));
        assert_eq!(bytes(&json!(["a", null])), Err(Status::SerializationFailure));
    }

    #[test]
    fn step_into_other_than_map_or_list_is_not_found() {
        let value = Value::from_json(&json!({"l": ["a", {"k": "v"}]}));

        let step = |parts: &[&[u8]]| {
            parts.iter().try_fold(value.clone(), |value, part| value.step(part)).and_then(|v| v.serialize())
        };
        assert_eq!(step(&[b"l", b"1", b"k"]), Ok(b"v".to_vec()));
        assert_eq!(step(&[b"l", b"2"]), Err(Status::NotFound));
        assert_eq!(step(&[b"l", b"-1"]), Err(Status::NotFound));
        assert_eq!(step(&[b"l", b"0", b"x"]), Err(Status::NotFound));
    }
}
