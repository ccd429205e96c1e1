//! Finds the policies that select an endpoint.
//!
//! Policies with the same subject are one entry, stored under a label that the subject requires. So n policies and n
//! endpoints cost fewer than n times n comparisons, unless each of n different subjects selects each endpoint.

use super::{super::model::Policy, endpoint::Endpoint};
use crate::{
    cluster::EndpointKind,
    ir::{Operator, Requirement, Selector},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// The distinct subjects of the policies.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    list: Vec<Subject>,
    /// Places in `list`, by key and value of a label.
    by_label: BTreeMap<(Box<str>, Box<str>), Vec<usize>>,
    /// The indexes of the subjects that require no value of a label.
    others: Vec<usize>,
}

#[derive(Debug)]
struct Subject {
    selector: Selector,
    is_host: bool,
    /// The places of the policies with this subject.
    policies: Vec<usize>,
}

impl Subjects {
    pub(crate) fn new(policies: &[Policy]) -> Self {
        let mut known: BTreeMap<(&Selector, bool), Vec<usize>> = BTreeMap::new();
        for (place, policy) in policies.iter().enumerate() {
            known.entry((&policy.subject, policy.is_host)).or_default().push(place);
        }
        let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for label in known.keys().flat_map(|(selector, _)| &selector.requirements).flat_map(labels) {
            *counts.entry(label).or_default() += 1;
        }
        let count = |requirement: &&Requirement| {
            labels(requirement).filter_map(|label| counts.get(&label)).sum::<usize>()
        };
        let mut subjects = Self::default();
        for ((selector, is_host), policies) in known {
            let place = subjects.list.len();
            let demanding = selector.requirements.iter().filter(|r| matches!(r.operator, Operator::In(_)));
            match demanding.min_by_key(count) {
                Some(requirement) => {
                    for (key, value) in labels(requirement) {
                        subjects.by_label.entry((key.into(), value.into())).or_default().push(place);
                    }
                }
                None => subjects.others.push(place),
            }
            subjects.list.push(Subject { selector: selector.clone(), is_host, policies });
        }
        subjects
    }

    /// The places of the subjects that select `endpoint`, ascending.
    pub(crate) fn selecting(&self, endpoint: &Endpoint<'_>) -> Vec<usize> {
        let labels = endpoint.labels.iter();
        let found = labels
            .filter_map(|label| self.by_label.get(&(label.key.as_str().into(), label.value.as_str().into())));
        let places: BTreeSet<usize> = found.flatten().chain(&self.others).copied().collect();
        let is_host = endpoint.kind == EndpointKind::Host;
        let selects = |place: &usize| {
            self.list.get(*place).is_some_and(|s| s.is_host == is_host && s.selector.matches(endpoint.labels))
        };
        places.into_iter().filter(selects).collect()
    }

    /// The places of the policies that have one of the subjects at `places`, ascending.
    pub(crate) fn policies(&self, places: &[usize]) -> Vec<usize> {
        let subjects = places.iter().filter_map(|place| self.list.get(*place));
        let mut policies: Vec<usize> = subjects.flat_map(|subject| &subject.policies).copied().collect();
        policies.sort_unstable();
        policies
    }

    /// The place of the subject of each policy, by the policy's place.
    pub(crate) fn of_policies(&self) -> BTreeMap<usize, usize> {
        let subjects = self.list.iter().enumerate();
        subjects.flat_map(|(place, s)| s.policies.iter().map(move |policy| (*policy, place))).collect()
    }
}

/// Returns the labels of which `requirement` requires one.
fn labels(requirement: &Requirement) -> impl Iterator<Item = (&str, &str)> {
    let values: &[Box<str>] = match &requirement.operator {
        Operator::In(values) => values,
        Operator::NotIn(_) | Operator::Exists | Operator::DoesNotExist => &[],
    };
    values.iter().map(|value| (&*requirement.key, &**value))
}
