//! Requests and connections, and the attributes that policies read.

mod attributes;
mod plain;

pub use attributes::{Attributes, ClaimName, Peer, Read, Shape, Unavailable, Visit};
pub use plain::Request;
