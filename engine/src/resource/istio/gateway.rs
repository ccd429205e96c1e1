//! Gateways: Istio's own and those of the Gateway API. Only the fields that a decision needs are read.

use crate::resource::decode::null_as_default;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use serde::Deserialize;

/// `spec` of a `networking.istio.io` Gateway.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct GatewaySpec {
    /// Labels of the gateway's pods.
    #[serde(deserialize_with = "null_as_default")]
    pub selector: BTreeMap<String, String>,
    /// The listeners.
    #[serde(deserialize_with = "null_as_default")]
    pub servers: Vec<GatewayServer>,
}

/// One server of a Gateway.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct GatewayServer {
    /// Port.
    pub port: ServerPort,
    /// TLS.
    pub tls: Option<ServerTls>,
}

/// `port` of a server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ServerPort {
    /// Number the pod listens on.
    pub number: u16,
    /// `HTTP`, `HTTPS`, `TLS`, `TCP`, ...
    pub protocol: String,
}

/// `tls` of a server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct ServerTls {
    /// `SIMPLE`, `MUTUAL`, `OPTIONAL_MUTUAL`, `PASSTHROUGH`, ...
    #[serde(deserialize_with = "null_as_default")]
    pub mode: String,
}

/// `spec` of a `gateway.networking.k8s.io` Gateway.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayApiSpec {
    /// Class; `istio-waypoint` makes it a waypoint.
    #[serde(deserialize_with = "null_as_default")]
    pub gateway_class_name: String,
    /// The listeners.
    #[serde(deserialize_with = "null_as_default")]
    pub listeners: Vec<GatewayApiListener>,
}

/// One listener of a Gateway-API gateway.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct GatewayApiListener {
    /// Port.
    pub port: u16,
    /// `HTTP`, `HTTPS`, `TLS`, `TCP`, `HBONE`.
    pub protocol: String,
}
