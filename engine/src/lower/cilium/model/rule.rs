//! The rules of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

use super::{
    entry::{Direction, Entry, Level, Policy},
    fault::{Faults, RuleFault},
    peer,
    scope::{EntryKind, Scope},
    selector::{Keys, equals, selector},
    to_ports,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE, RESERVED},
    ir::{Effect, Requirement, Selector},
    options::CiliumVersion,
    resource::{
        Object,
        cilium::{
            Authentication, CiliumPolicy, CiliumRule, EgressRule, IcmpRule, IngressRule, Peers, PortRule,
        },
    },
    rule_id::{PolicyRef, RuleId},
};
use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec::Vec};

/// Returns the rules of `policy`, each with its path.
pub(crate) fn rules(policy: &CiliumPolicy) -> impl Iterator<Item = (String, &CiliumRule)> {
    let one = policy.spec.iter().map(|rule| ("spec".to_owned(), rule));
    let many = policy.specs.iter().flatten().enumerate();
    one.chain(many.map(|(i, rule)| (format!("specs[{i}]"), rule)))
}

/// Returns the policies of `object`, one for each of its rules.
pub(super) fn policies(object: &Object<CiliumPolicy>, scope: &Scope<'_>, faults: &mut Faults) -> Vec<Policy> {
    let reference = Arc::new(object.reference());
    let mut counters = [0; 4];
    let mut policies = Vec::new();
    let is_single = object.spec.spec.is_some();
    for (n, (path, rule)) in rules(&object.spec).enumerate() {
        let specs = if is_single { n.checked_sub(1) } else { Some(n) };
        let reader = Reader { reference: &reference, scope: *scope, specs, path: &path };
        policies.push(reader.rule(rule, &mut counters, faults));
    }
    if policies.is_empty() {
        faults.add("", RuleFault::MissingRule);
    }
    policies
}

/// Reads one rule of an object.
struct Reader<'a, 's> {
    reference: &'a Arc<PolicyRef>,
    scope: Scope<'s>,
    /// The position of the rule in `specs`; `None` for `spec`.
    specs: Option<usize>,
    path: &'a str,
}

const SECTIONS: [&str; 4] = ["ingress", "ingressDeny", "egress", "egressDeny"];

/// The fields of an entry that both directions have.
struct Parts<'a> {
    peers: Peers<'a>,
    to_ports: Option<&'a [PortRule]>,
    icmps: Option<&'a [IcmpRule]>,
    authentication: Option<&'a Authentication>,
}

impl Reader<'_, '_> {
    /// Returns the policy of `rule`. `counters` count the entries of each section over all rules of the object.
    fn rule(&self, rule: &CiliumRule, counters: &mut [u32; 4], faults: &mut Faults) -> Policy {
        let (subject, is_host) = self.subject(rule, faults);
        let init = |r: &Requirement| r.source.as_deref() == Some(RESERVED) && *r.key == *"init";
        let scope = Scope { init: subject.requirements.iter().any(init), ..self.scope };
        let lists = [
            rule.ingress.iter().flatten().map(from_ingress).collect::<Vec<_>>(),
            rule.ingress_deny.iter().flatten().map(from_ingress).collect(),
            rule.egress.iter().flatten().map(from_egress).collect(),
            rule.egress_deny.iter().flatten().map(from_egress).collect(),
        ];
        if lists.iter().all(Vec::is_empty) && scope.options.cilium.version >= CiliumVersion::V1_19 {
            faults.add(self.path, RuleFault::MissingEntry);
        }
        let flag = rule.enable_default_deny.unwrap_or_default();
        let may_disable = scope.options.cilium.non_default_deny;
        let mut directions = [Direction::default(), Direction::default()];
        for (((section, list), counter), at) in SECTIONS.iter().zip(&lists).zip(counters).zip([0, 0, 1, 1]) {
            let Some(direction) = directions.get_mut(at) else { continue };
            let kind = EntryKind { is_egress: at == 1, is_deny: section.ends_with("Deny"), is_host };
            let enabled = if kind.is_egress { flag.egress } else { flag.ingress };
            direction.is_present |= !list.is_empty();
            direction.enables_default_deny |= !list.is_empty() && (enabled != Some(false) || !may_disable);
            for (i, parts) in list.iter().enumerate() {
                let path = format!("{}.{section}[{i}]", self.path);
                let id = RuleId::in_section(self.reference.clone(), section, *counter);
                let id = match self.specs {
                    Some(specs) => id.in_specs(specs, i),
                    None => id,
                };
                *counter += 1;
                direction.entries.push(entry(id, parts, kind, path, &scope, faults));
            }
        }
        let [ingress, egress] = directions;
        Policy { reference: self.reference.clone(), subject, is_host, egress, ingress }
    }

    /// Returns the subject of `rule`, and whether it is the local host.
    fn subject(&self, rule: &CiliumRule, faults: &mut Faults) -> (Selector, bool) {
        let path = self.path;
        match (&rule.endpoint_selector, &rule.node_selector) {
            (Some(labels), None) => {
                let at = format!("{path}.endpointSelector");
                let mut subject = selector(labels, Keys::Any, "", &at, faults);
                if let Some(namespace) = self.scope.namespace {
                    // The agent overwrites a namespace in the selector.
                    let own = |r: &Requirement| {
                        *r.key == *NAMESPACE && r.source.as_deref().is_none_or(|s| s == K8S)
                    };
                    subject.requirements.retain(|r| !own(r));
                    subject.require(K8S, NAMESPACE, equals(namespace));
                }
                (subject, false)
            }
            (None, Some(labels)) => {
                let at = format!("{path}.nodeSelector");
                if self.scope.namespace.is_some() {
                    faults.add(at.as_str(), RuleFault::NodeSelectorInNamespace);
                }
                (selector(labels, Keys::Any, "", &at, faults), true)
            }
            (None, None) => {
                faults.add(path, RuleFault::MissingSubject);
                (Selector::default(), false)
            }
            (Some(_), Some(_)) => {
                faults.add(path, RuleFault::SeveralSubjects);
                (Selector::default(), false)
            }
        }
    }
}

fn from_ingress(rule: &IngressRule) -> Parts<'_> {
    Parts {
        peers: rule.peers(),
        to_ports: rule.to_ports.as_deref(),
        icmps: rule.icmps.as_deref(),
        authentication: rule.authentication.as_ref(),
    }
}

fn from_egress(rule: &EgressRule) -> Parts<'_> {
    Parts {
        peers: rule.peers(),
        to_ports: rule.to_ports.as_deref(),
        icmps: rule.icmps.as_deref(),
        authentication: rule.authentication.as_ref(),
    }
}

fn entry(
    id: RuleId,
    parts: &Parts<'_>,
    kind: EntryKind,
    path: String,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> Entry {
    let mut peers = parts.peers;
    if kind.is_deny {
        // The API server drops `toFQDNs` of a deny entry (docs/semantics/cilium.md#cilium-deny-fields).
        peers.fqdns = None;
    }
    let specified = peer::peer_spec(&peers, kind.is_egress, &path, scope, faults);
    let ports = to_ports::ports(parts.to_ports, parts.icmps, kind, &path, scope, faults);
    let effect = if kind.is_deny { Effect::Deny } else { Effect::Allow };
    let mode = parts.authentication.filter(|_| !kind.is_deny).and_then(|a| a.mode.as_deref());
    let authentication = mode.filter(|m| !m.is_empty()).map(Into::into);
    let requires = peer::requirements(&parts.peers, kind.is_egress, &path, scope, faults);
    let by_endpoints = peers.endpoints.is_some();
    let entry = Entry::new(id, path, effect, Level::NORMAL, specified, ports);
    Entry { by_endpoints, requires, authentication, ..entry }
}
