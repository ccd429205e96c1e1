//! What the user wrote: Kubernetes objects, typed, strict where a policy could be misread.
//!
//! Policies refuse unknown fields; other kinds (Pod, Service, ...) are read for the few fields that a decision
//! needs. A [`Resources`] holds every object of one load, each with its [`Origin`](crate::Origin), and counts what nobody reads.

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
