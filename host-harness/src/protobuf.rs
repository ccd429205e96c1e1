//! The protobuf messages of two properties: dynamic metadata and the node.

use prost::Message;
use std::collections::BTreeMap;

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
    let kind = match json {
        serde_json::Value::Null => Kind::Null(0),
        serde_json::Value::Bool(bool) => Kind::Bool(*bool),
        serde_json::Value::Number(number) => Kind::Number(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Kind::String(text.clone()),
        serde_json::Value::Array(items) => {
            Kind::List(ListValue { values: items.iter().map(to_value).collect() })
        }
        serde_json::Value::Object(fields) => Kind::Struct(to_struct(fields)),
    };
    Value { kind: Some(kind) }
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
