//! Compiled policies, as the contexts ask them.

use crate::plan::Plan;
use core::fmt;
use palisade::{Attributes, Decision, Read, RuleId, RuleTrace};
use std::sync::Arc;

/// Decides streams. Everything the contexts know about policies is here, so they are tested with simpler ones.
pub trait Policies: fmt::Debug {
    /// The decision on an HTTP request; [`palisade::Verdict::Ask`] where external providers have to be asked.
    fn request(&self, request: &dyn Attributes) -> Decision;

    /// The decision on a connection whose bytes are not HTTP.
    fn connection(&self, connection: &dyn Attributes) -> Decision;

    /// The decision on an HTTP request that all external providers allow.
    fn after_providers(&self, request: &dyn Attributes) -> Decision {
        self.request(request)
    }

    /// The external providers that have to be asked about an HTTP request, each with the rule that says so.
    ///
    /// # Errors
    /// An attribute could not be read.
    fn providers(&self, _request: &dyn Attributes) -> Read<Vec<(Arc<str>, RuleId)>> {
        Ok(Vec::new())
    }

    /// The rule that came nearest to letting the stream pass.
    fn nearest_miss(&self, _kind: StreamKind, _stream: &dyn Attributes) -> Option<RuleTrace> {
        None
    }

    /// How the attributes that streams of this kind are decided by are read.
    fn plan(&self, _kind: StreamKind) -> Plan {
        Plan::default()
    }
}

/// What the proxy hands to a filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StreamKind {
    /// A request, to an HTTP filter.
    Http,
    /// A connection, to a network filter.
    Tcp,
}

/// What one configuration compiles to.
#[derive(Debug)]
pub struct Compiled {
    /// The policies that decide.
    pub enforced: Box<dyn Policies>,
    /// The policies that are decided beside them, and never deny.
    pub shadow: Option<Box<dyn Policies>>,
}

impl Compiled {
    /// The plan that serves both sets.
    pub fn plan(&self, kind: StreamKind) -> Plan {
        let plan = self.enforced.plan(kind);
        match self.shadow.as_deref().map(|shadow| shadow.plan(kind)) {
            None => plan,
            Some(shadow) => Plan {
                // Two sets that look at one header each may look at different ones.
                one_by_one: false,
                certificate: plan.certificate || shadow.certificate,
                // Both sets are compiled for one workload.
                identity: plan.identity,
            },
        }
    }
}
