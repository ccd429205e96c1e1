//! Converts a JSON value to a typed object. An error has the path of the first invalid field.

use super::meta::{Metadata, Object, title};
use crate::{
    diagnostic::{Diagnostic, Origin},
    whole_number::with_limits,
};
use alloc::{
    format,
    string::{String, ToString},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

/// Deserializes `null` as the default of the type, as Kubernetes does.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Deserializes `value` as a `T`. An error contains the path of the field below `path`.
pub(crate) fn decode<T: DeserializeOwned>(value: Value, path: &str) -> Result<T, Diagnostic> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let inner = error.path().to_string();
        let at = match (path.is_empty(), inner.as_str()) {
            (_, ".") => path.to_string(),
            (true, inner) => inner.to_string(),
            (false, inner) if inner.starts_with('[') => format!("{path}{inner}"),
            (false, inner) => format!("{path}.{inner}"),
        };
        let message = with_limits(&error.inner().to_string());
        let help = remedy(&message);
        Diagnostic::error("wrong-shape", message).at(at).help(help)
    })
}

/// Returns the value of a protobuf `uint32` in JSON: a whole number, or a string with one. `null` is 0.
///
/// # Errors
///
/// The value is not a whole number, or is outside of the limits of `uint32`.
pub(crate) fn uint32(value: &Value) -> Result<u32, String> {
    let integral = |number: f64| Some(number as u64).filter(|n| *n as f64 == number);
    let number = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(integral)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let number = number.and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| format!("must be a whole number from 0 to {}, got {value}", u32::MAX))
}

fn remedy(message: &str) -> &'static str {
    if message.starts_with("unknown field") {
        "correct the field's name, or remove it: an unknown field is never ignored in a policy"
    } else if message.contains("expected a string") || message.contains("expected string") {
        "write the value in quotes"
    } else if message.starts_with("must be a whole number") {
        "write a number within the limits, without quotes"
    } else if message.starts_with("missing field") {
        "add the field"
    } else if message.starts_with("unknown variant") {
        "use one of the listed values; case is significant"
    } else {
        "write the field as documented in the Kubernetes API"
    }
}

/// The parts of an object that all kinds have.
pub(crate) struct Envelope {
    pub(crate) metadata: Metadata,
    pub(crate) fields: serde_json::Map<String, Value>,
}

impl Envelope {
    /// Removes `metadata` from the fields of an object.
    pub(crate) fn new(
        kind: &'static str,
        mut fields: serde_json::Map<String, Value>,
        origin: &Origin,
    ) -> Result<Self, Diagnostic> {
        let metadata = match fields.remove("metadata") {
            None | Some(Value::Null) => Metadata::default(),
            Some(value) => decode::<Metadata>(value, "metadata").map_err(|d| d.of(kind, origin))?,
        };
        if metadata.name.is_empty() {
            return Err(Diagnostic::error("no-name", format!("{kind} without a name"))
                .at("metadata.name")
                .help("add metadata.name")
                .of(title(kind, &metadata), origin));
        }
        Ok(Self { metadata, fields })
    }

    /// Returns the object with its `spec` as a `T`. A missing `spec` is treated as an empty one.
    pub(crate) fn with_spec<T: DeserializeOwned>(
        mut self,
        kind: &'static str,
        namespaced: bool,
        strict: bool,
        origin: Origin,
    ) -> Result<Object<T>, Diagnostic> {
        let spec = match self.fields.remove("spec") {
            None | Some(Value::Null) => Value::Object(serde_json::Map::new()),
            Some(spec) => spec,
        };
        if namespaced && self.metadata.namespace.is_empty() {
            self.metadata.namespace = "default".to_string();
        }
        let known = ["apiVersion", "kind", "status"];
        let unknown = self.fields.keys().find(|key| !known.contains(&key.as_str()));
        if let Some(unknown) = unknown.filter(|_| strict) {
            return Err(Diagnostic::error("wrong-shape", format!("unknown field `{unknown}`"))
                .at(unknown.clone())
                .help("a policy has apiVersion, kind, metadata and spec: check the indentation")
                .of(title(kind, &self.metadata), &origin));
        }
        let spec = decode(spec, "spec").map_err(|d| d.of(title(kind, &self.metadata), &origin))?;
        Ok(Object { kind, metadata: self.metadata, spec, origin })
    }
}
