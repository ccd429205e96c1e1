//! Ports as clauses on the destination port of a flow.

use super::{
    super::model::{Number, Port, PortGroup},
    endpoint::Endpoint,
    named_port::{PortNumbers, RangeEnds},
};
use crate::ir::{Clause, Group, Section, Test, Text, TextAttribute, TransportRange};
use alloc::{vec, vec::Vec};

/// Translates the ports of one direction of an endpoint.
#[derive(Debug)]
pub(super) struct PortClauses<'a> {
    pub(super) endpoint: &'a Endpoint<'a>,
    pub(super) is_egress: bool,
    /// The last ports of the ranges that begin at a named port (docs/semantics/cilium.md#cilium-named-port-range).
    pub(super) range_ends: RangeEnds,
    /// The numbers of port names, for egress.
    pub(super) numbers: &'a PortNumbers,
}

impl PortClauses<'_> {
    /// Returns the clauses of those ports of `groups`, in `tier`, that `includes` accepts.
    pub(super) fn clauses_of(
        &self,
        tier: u8,
        groups: &[&PortGroup],
        includes: impl Fn(&Port) -> bool,
    ) -> Group {
        let mut clauses = Vec::new();
        for group in groups {
            let ports: Vec<Port> = group.ports.iter().filter(|port| includes(port)).cloned().collect();
            clauses.extend(self.clauses(tier, group, &ports).clauses);
        }
        Group { section: Section::Ports, clauses }
    }

    /// Returns one clause for the numbers of `ports`, and one for each name that each destination resolves by itself.
    pub(super) fn clauses(&self, tier: u8, group: &PortGroup, ports: &[Port]) -> Group {
        let PortGroup { index, field, .. } = *group;
        let mut clauses = Vec::new();
        let mut ranges = Vec::new();
        for port in ports {
            match &port.number {
                Number::Range(first, last) => {
                    ranges.push(TransportRange::new(port.protocol, *first, *last));
                }
                Number::Named(name) if self.is_egress && self.numbers.by_destination => {
                    let all = TransportRange::new(port.protocol, 0, u16::MAX);
                    let name = Text::Exact(name.clone());
                    let tests = vec![Test::text(TextAttribute::PortName, [name]), Test::transport([all])];
                    clauses.push(Clause { tests, index }.at(field));
                }
                Number::Named(name) => {
                    let end = self.range_ends.of(tier, port);
                    let numbers = self.numbers_of(name, port);
                    let range = |first: u16| TransportRange::new(port.protocol, first, end.max(first));
                    ranges.extend(numbers.into_iter().map(range));
                }
            }
        }
        if !ranges.is_empty() {
            clauses.push(Clause { tests: vec![Test::transport(ranges).at(field)], index });
        }
        Group { section: Section::Ports, clauses }
    }

    /// Returns the numbers of the named `port`: those of the cluster on egress, those of the endpoint on ingress.
    fn numbers_of(&self, name: &str, port: &Port) -> Vec<u16> {
        if self.is_egress {
            return self.numbers.of(port);
        }
        let own = self.endpoint.ports.iter();
        own.filter(|own| own.name == *name && own.protocol == port.protocol).map(|own| own.port).collect()
    }
}
