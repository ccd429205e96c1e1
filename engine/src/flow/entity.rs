//! Cilium's entities as the source or destination of a flow.

use crate::unknown_name::UnknownName;
use core::{fmt, str::FromStr};

/// An entity that a flow can come from or go to.
///
/// ```
/// use palisade::flow::Entity;
///
/// assert_eq!("world".parse(), Ok(Entity::World));
/// assert!("moon".parse::<Entity>().is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// The node of the other endpoint.
    Host,
    /// Another node of the cluster.
    RemoteNode,
    /// Any address outside the cluster.
    World,
    /// Cilium's health endpoint.
    Health,
    /// An endpoint whose labels the agent has not resolved yet.
    Init,
    /// Cilium's ingress proxy.
    Ingress,
    /// A pod that Cilium does not manage.
    Unmanaged,
    /// The API server.
    KubeApiserver,
}

impl Entity {
    /// All entities.
    pub const ALL: [Self; 8] = [
        Self::Host,
        Self::RemoteNode,
        Self::World,
        Self::Health,
        Self::Init,
        Self::Ingress,
        Self::Unmanaged,
        Self::KubeApiserver,
    ];

    /// Returns the name of the entity in policies and case files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::RemoteNode => "remote-node",
            Self::World => "world",
            Self::Health => "health",
            Self::Init => "init",
            Self::Ingress => "ingress",
            Self::Unmanaged => "unmanaged",
            Self::KubeApiserver => "kube-apiserver",
        }
    }
}

impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Entity {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        UnknownName::find("entity", text, &Self::ALL, Self::as_str)
    }
}
