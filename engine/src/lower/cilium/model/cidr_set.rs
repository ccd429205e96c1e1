//! Items of `fromCIDRSet` and `toCIDRSet`: a block or groups of blocks, with exceptions.

use super::{
    cidr,
    fault::{BlockFault, Faults},
    group,
    scope::Scope,
    selector::{Keys, selector},
};
use crate::{ir::Clause, resource::cilium::CidrRule};
use alloc::{format, vec::Vec};

/// The source of addresses of an item.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source<'a> {
    Block(&'a str),
    GroupName(&'a str),
    GroupSelector(&'a crate::resource::LabelSelector),
}

/// Returns the source of addresses of `item`, if it has exactly one.
pub(crate) fn source(item: &CidrRule) -> Option<Source<'_>> {
    let block = item.cidr.as_deref().filter(|text| !text.is_empty());
    let name = item.cidr_group_ref.as_deref().filter(|text| !text.is_empty());
    match (block, name, &item.cidr_group_selector) {
        (Some(text), None, None) => Some(Source::Block(text)),
        (None, Some(name), None) => Some(Source::GroupName(name)),
        (None, None, Some(labels)) => Some(Source::GroupSelector(labels)),
        _ => None,
    }
}

/// Returns the clauses of `item`, which has the number `index` in its list, at `path`.
pub(super) fn clauses(
    item: &CidrRule,
    index: u32,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Vec<Clause> {
    let Some(source) = source(item) else {
        faults.add(path, BlockFault::NotOneSource);
        return Vec::new();
    };
    let except = item.except.as_deref().unwrap_or_default();
    match source {
        Source::Block(text) => {
            let Some(net) = cidr::block(text, &format!("{path}.cidr"), faults) else { return Vec::new() };
            let exceptions = cidr::exceptions(except, Some(net), path, faults);
            cidr::clauses(net, &exceptions, index, scope.options)
        }
        Source::GroupName(name) => {
            let exceptions = cidr::exceptions(except, None, path, faults);
            group::by_name(name, &exceptions, index, scope)
        }
        Source::GroupSelector(labels) => {
            let exceptions = cidr::exceptions(except, None, path, faults);
            let labels = selector(labels, Keys::Any, "", &format!("{path}.cidrGroupSelector"), faults);
            group::by_labels(&labels, &exceptions, index, scope)
        }
    }
}
