//! The protobuf messages of two properties: dynamic metadata and the node.

use prost::Message;
use prost_types::{Struct, Value, value::Kind};
use std::collections::BTreeMap;

/// `envoy.config.core.v3.Metadata`.
#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(btree_map = "string, message", tag = "1")]
    filter_metadata: BTreeMap<String, Struct>,
}

/// `envoy.config.core.v3.Node`, with the fields that a filter reads.
#[derive(Clone, PartialEq, Message)]
struct Node {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    cluster: String,
    #[prost(message, optional, tag = "3")]
    metadata: Option<Struct>,
}

type Json = serde_json::Map<String, serde_json::Value>;

/// Serializes dynamic metadata: a struct for each namespace. Namespaces that are not objects are omitted.
pub(crate) fn metadata(namespaces: &Json) -> Vec<u8> {
    let filter_metadata = namespaces
        .iter()
        .filter_map(|(name, fields)| Some((name.clone(), to_struct(fields.as_object()?))))
        .collect();
    Metadata { filter_metadata }.encode_to_vec()
}

/// Serializes the node.
pub(crate) fn node(id: &str, cluster: &str, metadata: &Json) -> Vec<u8> {
    let metadata = Some(to_struct(metadata));
    Node { id: id.to_owned(), cluster: cluster.to_owned(), metadata }.encode_to_vec()
}

fn to_struct(fields: &Json) -> Struct {
    Struct { fields: fields.iter().map(|(key, value)| (key.clone(), to_value(value))).collect() }
}

fn to_value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Kind::NullValue(0).into(),
        serde_json::Value::Bool(bool) => (*bool).into(),
        serde_json::Value::Number(number) => number.as_f64().unwrap_or(f64::NAN).into(),
        serde_json::Value::String(text) => text.clone().into(),
        serde_json::Value::Array(items) => items.iter().map(to_value).collect::<Vec<_>>().into(),
        serde_json::Value::Object(fields) => Kind::StructValue(to_struct(fields)).into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    // A filter in Envoy 1.40.0 recorded the bytes of `metadata`.
    #[test]
    fn metadata_has_the_bytes_of_envoy() {
        let namespaces = json!({"ns": {"l": ["a", null], "n": 5, "s": ""}});

        assert_eq!(
            super::metadata(namespaces.as_object().unwrap()),
            b"\n\x31\n\x02ns\x12\x2b\n\x10\n\x01l\x12\x0b2\t\n\x03\x1a\x01a\n\x02\x08\0\
              \n\x0e\n\x01n\x12\t\x11\0\0\0\0\0\0\x14@\n\x07\n\x01s\x12\x02\x1a\0"
        );
    }
}
