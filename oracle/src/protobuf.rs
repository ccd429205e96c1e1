//! `google.protobuf.Value`, as which Envoy's filter `header_to_metadata` reads the claims and metadata of a sample.

use prost::Message;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(oneof = "Kind", tags = "1, 2, 3, 4, 5, 6")]
    kind: Option<Kind>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Kind {
    #[prost(int32, tag = "1")]
    Null(i32),
    #[prost(double, tag = "2")]
    Number(f64),
    #[prost(string, tag = "3")]
    String(String),
    #[prost(bool, tag = "4")]
    Bool(bool),
    #[prost(message, tag = "5")]
    Struct(Struct),
    #[prost(message, tag = "6")]
    List(ListValue),
}

/// `google.protobuf.Struct`.
#[derive(Clone, PartialEq, Message)]
struct Struct {
    #[prost(btree_map = "string, message", tag = "1")]
    fields: BTreeMap<String, Value>,
}

/// `google.protobuf.ListValue`.
#[derive(Clone, PartialEq, Message)]
struct ListValue {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

/// Returns `value` as a serialized `google.protobuf.Value`.
pub(crate) fn encode(value: &Json) -> Vec<u8> {
    to_value(value).encode_to_vec()
}

fn to_value(value: &Json) -> Value {
    let kind = match value {
        Json::Null => Kind::Null(0),
        Json::Number(number) => Kind::Number(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::String(text.clone()),
        Json::Bool(value) => Kind::Bool(*value),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), to_value(value)));
            Kind::Struct(Struct { fields: fields.collect() })
        }
        Json::Array(items) => Kind::List(ListValue { values: items.iter().map(to_value).collect() }),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_and_empty_text_are_encoded_with_their_kind() {
        assert_eq!(encode(&json!(null)), [0x08, 0]);
        assert_eq!(encode(&json!("")), [0x1a, 0]);
        assert_eq!(encode(&json!([true])), [0x32, 4, 0x0a, 2, 0x20, 1]);
    }
}
