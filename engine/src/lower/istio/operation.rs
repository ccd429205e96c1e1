//! `to.operation` (docs/semantics/istio.md#istio-operation-fields).

use super::{
    RuleContext,
    field::{Dropped, list, port_pattern},
    path::path,
    source::texts,
    string::text,
};
use crate::{
    ir::{Attribute, Test, Text},
    resource::istio::Operation,
};
use alloc::vec::Vec;

impl RuleContext<'_> {
    /// The tests of one operation, in the order that istiod writes them.
    pub(super) fn operation(&self, operation: &Operation) -> Result<Vec<Test>, Dropped> {
        let mut tests = Vec::new();
        let t = &mut tests;
        let (yes, no) = (list(&operation.hosts), list(&operation.not_hosts));
        self.field(t, &Attribute::Host, yes, no, |v| {
            Ok(texts([text(&v.to_ascii_lowercase(), Text::Present)]))
        })?;
        let (yes, no) = (list(&operation.methods), list(&operation.not_methods));
        self.field(t, &Attribute::Method, yes, no, |v| Ok(texts([text(v, Text::Present)])))?;
        let (yes, no) = (list(&operation.paths), list(&operation.not_paths));
        self.field(t, &Attribute::Path, yes, no, |v| Ok(texts([path(v)])))?;
        let (yes, no) = (list(&operation.ports), list(&operation.not_ports));
        self.field(t, &Attribute::DestinationPort, yes, no, port_pattern)?;
        Ok(tests)
    }
}
