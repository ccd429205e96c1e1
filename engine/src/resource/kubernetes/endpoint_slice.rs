//! EndpointSlices and Endpoints: the addresses of the backends of a Service.

use crate::resource::decode::null_as_default;
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use serde::Deserialize;

/// The backends of one Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Name of the Service, which is in the same namespace.
    pub service: String,
    /// The backends, ready or not.
    pub backends: Vec<Backend>,
}

/// A backend of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Its IP address.
    pub address: IpAddr,
    /// Whether it is ready or still serves.
    pub serves: bool,
    /// Whether the slice has a port with a number.
    pub has_port: bool,
}

/// An item of `endpoints` of an EndpointSlice.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Endpoint {
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<String>,
    #[serde(deserialize_with = "null_as_default")]
    conditions: Conditions,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
}

/// An item of `ports` of an EndpointSlice or a subset.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndpointPort {
    port: Option<u32>,
}

/// An item of `subsets` of an Endpoints object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Subset {
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<Address>,
    #[serde(deserialize_with = "null_as_default")]
    not_ready_addresses: Vec<Address>,
    #[serde(deserialize_with = "null_as_default")]
    ports: Vec<EndpointPort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    #[serde(deserialize_with = "null_as_default")]
    ip: String,
}

impl EndpointSlice {
    /// Returns the backends in an EndpointSlice. Addresses that are names are omitted.
    pub(crate) fn from_endpoints(service: String, endpoints: &[Endpoint], ports: &[EndpointPort]) -> Self {
        let serves = |e: &Endpoint| {
            let ready = e.conditions.ready.unwrap_or(true);
            ready || e.conditions.serving.unwrap_or(false)
        };
        let has_port = has_port(ports);
        let all = endpoints.iter().flat_map(|e| e.addresses.iter().map(move |text| (text, serves(e))));
        Self { service, backends: all.filter_map(|(text, serves)| backend(text, serves, has_port)).collect() }
    }

    /// Returns the backends in an Endpoints object, which Kubernetes mirrors to EndpointSlices.
    pub(crate) fn from_subsets(service: String, subsets: &[Subset]) -> Self {
        let mut backends = Vec::new();
        for subset in subsets {
            let has_port = has_port(&subset.ports);
            let ready = subset.addresses.iter().map(|address| (address, true));
            let all = ready.chain(subset.not_ready_addresses.iter().map(|address| (address, false)));
            backends.extend(all.filter_map(|(address, serves)| backend(&address.ip, serves, has_port)));
        }
        Self { service, backends }
    }
}

fn has_port(ports: &[EndpointPort]) -> bool {
    ports.iter().any(|port| port.port.is_some())
}

fn backend(text: &str, serves: bool, has_port: bool) -> Option<Backend> {
    text.parse().ok().map(|address| Backend { address, serves, has_port })
}
