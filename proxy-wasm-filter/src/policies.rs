//! Compiled policies, as a trait that the contexts use.

use crate::plan::Plan;
use core::fmt;
use palisade::{Attributes, Decision, Read, RuleId, RuleTrace};
use std::sync::Arc;

/// Policies that decide streams. Tests implement it without the engine.
pub trait Policies: fmt::Debug {
    /// Returns the decision on an HTTP request; [`palisade::Verdict::Ask`] if external providers decide first.
    fn request(&self, request: &dyn Attributes) -> Decision;

    /// Returns the decision on a connection whose bytes are not HTTP.
    fn connection(&self, connection: &dyn Attributes) -> Decision;

    /// Returns the decision on an HTTP request that all external providers allow.
    fn after_providers(&self, request: &dyn Attributes) -> Decision {
        self.request(request)
    }

    /// Returns the external providers that decide an HTTP request, each with the rule that names it.
    ///
    /// # Errors
    ///
    /// An attribute is unreadable.
    fn providers(&self, _request: &dyn Attributes) -> Read<Vec<(Arc<str>, RuleId)>> {
        Ok(Vec::new())
    }

    /// Returns the nearest miss among the rules that would allow the stream.
    fn nearest_miss(&self, _kind: StreamKind, _stream: &dyn Attributes) -> Option<RuleTrace> {
        None
    }

    /// Returns the host calls that read the attributes for streams of this kind.
    fn plan(&self, _kind: StreamKind) -> Plan {
        Plan::default()
    }
}

/// The kind of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamKind {
    /// A request in an HTTP filter.
    Http,
    /// A connection in a network filter.
    Tcp,
}

/// The compiled policies of one configuration.
#[derive(Debug)]
pub struct Compiled {
    /// The enforced policies, `resources`.
    pub enforced: Box<dyn Policies>,
    /// The policies of `shadowResources`, which never deny.
    pub shadow: Option<Box<dyn Policies>>,
}

impl Compiled {
    /// Returns the plan that serves both sets.
    pub fn plan(&self, kind: StreamKind) -> Plan {
        let plan = self.enforced.plan(kind);
        match self.shadow.as_deref().map(|shadow| shadow.plan(kind)) {
            None => plan,
            Some(shadow) => Plan {
                // Each set may need another header.
                per_header: false,
                certificate: plan.certificate || shadow.certificate,
                // Both sets are compiled for one workload.
                identity: plan.identity,
            },
        }
    }
}
