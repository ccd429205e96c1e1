//! Services.

use crate::resource::decode::null_as_default;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// The fields of a Service's `spec` on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// The labels of its Pods; if empty, other objects list its endpoints.
    #[serde(deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
    /// Ports.
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<ServicePort>,
    /// Cluster address, or `None`.
    #[serde(rename = "clusterIP", deserialize_with = "null_as_default")]
    pub cluster_ip: String,
    /// All cluster addresses.
    #[serde(rename = "clusterIPs", deserialize_with = "null_as_default")]
    pub cluster_ips: Vec<String>,
}

/// One port of a Service.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ServicePort {
    /// Name; its prefix can be the application protocol.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The Service's own port.
    pub port: u16,
    /// The pod's port: a number or the name of a container port; if absent, the same as `port`.
    #[serde(default, deserialize_with = "port_or_name")]
    pub target_port: Option<Value>,
    /// The protocol; `TCP` if absent.
    #[serde(default = "tcp")]
    pub protocol: String,
    /// The application protocol, if specified.
    #[serde(default)]
    pub app_protocol: Option<String>,
}

/// Returns a port by its number or its name.
fn port_or_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    match &value {
        None | Some(Value::String(_)) => Ok(value),
        Some(Value::Number(number)) if number.as_u64().is_some_and(|n| n <= u16::MAX.into()) => Ok(value),
        Some(other) => {
            let message =
                format!("must be a whole number from 0 to 65535, or the name of a port, got {other}");
            Err(D::Error::custom(message))
        }
    }
}

fn tcp() -> String {
    "TCP".to_string()
}
