//! Typed Kubernetes objects as the user wrote them.
//!
//! A policy with an unknown field is an error. Of other kinds, such as Pod and Service, only the fields that decisions depend
//! on are read. [`Resources`] contains all objects of one load, each with its [`Origin`](crate::Origin), and the number of
//! ignored objects of each kind.

pub mod cilium;
pub(crate) mod decode;
pub mod istio;
pub mod kubernetes;
mod mesh_settings;
mod meta;
mod quotes;
mod resources;

pub use meta::{LabelSelector, Metadata, Object, SelectorRequirement};
pub use resources::{Ignored, Resources};
