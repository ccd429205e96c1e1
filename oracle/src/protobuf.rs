//! `google.protobuf.Value`, as which Envoy's filter `header_to_metadata` reads the claims and metadata of a sample.

use prost::Message;
use prost_types::{Value, value::Kind};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Returns `value` as a serialized `google.protobuf.Value`.
pub(crate) fn encode(value: &Json) -> Vec<u8> {
    to_value(value).encode_to_vec()
}

fn to_value(value: &Json) -> Value {
    match value {
        Json::Null => Kind::NullValue(0).into(),
        Json::Number(number) => number.as_f64().unwrap_or_default().into(),
        Json::String(text) => text.clone().into(),
        Json::Bool(value) => (*value).into(),
        Json::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), to_value(value)));
            fields.collect::<BTreeMap<_, _>>().into()
        }
        Json::Array(items) => items.iter().map(to_value).collect::<Vec<_>>().into(),
    }
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
