//! The endpoint whose policy is computed.

use crate::{
    cluster::{EndpointKind, NamedPort},
    labels::Labels,
};

/// An endpoint whose policy is computed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Endpoint<'a> {
    pub(crate) kind: EndpointKind,
    pub(crate) labels: &'a Labels,
    /// Its container ports, which named ports on ingress refer to.
    pub(crate) ports: &'a [NamedPort],
}
