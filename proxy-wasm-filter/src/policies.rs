//! Compiled policies, as the contexts ask them.

use core::fmt;
use palisade::{Attributes, Decision};

/// Decides streams. Everything the contexts know about policies is here, so they are tested with simpler ones.
pub trait Policies: fmt::Debug {
    /// The decision on an HTTP request.
    fn http(&self, request: &dyn Attributes) -> Decision;
    /// The decision on a connection whose bytes are not HTTP.
    fn tcp(&self, connection: &dyn Attributes) -> Decision;
}

/// What one configuration compiles to.
#[derive(Debug)]
pub struct Compiled {
    /// The policies that decide.
    pub enforced: Box<dyn Policies>,
    /// The policies that are decided beside them, and never deny.
    pub shadow: Option<Box<dyn Policies>>,
}
