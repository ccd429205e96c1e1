//! Requests and connections as their attributes.

mod attributes;
mod plain;

pub use attributes::{Attributes, ClaimName, Peer, Read, Shape, Unavailable, Visit};
pub use plain::Request;
