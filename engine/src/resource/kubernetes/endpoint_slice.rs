//! EndpointSlices and Endpoints: the addresses behind a Service.

use crate::resource::decode::null_as_default;
use alloc::{string::String, vec::Vec};
use core::net::IpAddr;
use serde::Deserialize;

/// The backends of one Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Name of the Service, which is in the same namespace.
    pub service: String,
    /// Addresses of the backends that are ready or still serve.
    pub addresses: Vec<IpAddr>,
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

/// An item of `subsets` of an Endpoints object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Subset {
    #[serde(deserialize_with = "null_as_default")]
    addresses: Vec<Address>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Address {
    #[serde(deserialize_with = "null_as_default")]
    ip: String,
}

impl EndpointSlice {
    /// Reads the items of an EndpointSlice. Addresses that are names are left out.
    pub(crate) fn from_endpoints(service: String, endpoints: &[Endpoint]) -> Self {
        let serves = |e: &&Endpoint| {
            let ready = e.conditions.ready.unwrap_or(true);
            ready || e.conditions.serving.unwrap_or(false)
        };
        let addresses = endpoints.iter().filter(serves).flat_map(|e| &e.addresses);
        Self { service, addresses: addresses.filter_map(|text| text.parse().ok()).collect() }
    }

    /// Reads the items of an Endpoints object, which Kubernetes mirrors to EndpointSlices.
    pub(crate) fn from_subsets(service: String, subsets: &[Subset]) -> Self {
        let addresses = subsets.iter().flat_map(|s| &s.addresses);
        Self { service, addresses: addresses.filter_map(|a| a.ip.parse().ok()).collect() }
    }
}
