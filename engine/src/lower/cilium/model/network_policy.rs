//! Kubernetes NetworkPolicy as Cilium enforces it (docs/semantics/kubernetes.md#kubernetes-subject).

use super::{
    cidr,
    entry::{Direction, Entry, Level, Policy},
    fault::{Faults, NetworkPolicyFault},
    peer::{PeerSpec, by_labels, in_namespaces},
    port::{Port, PortGroup, Ports},
    port_number::{Number, is_service_name},
    scope::{Scope, below, local_cluster},
    selector::{Keys, equals, selector},
};
use crate::{
    cluster::identity::{K8S, NAMESPACE},
    ir::{Clause, Effect, Field, Selector},
    net::Protocol,
    resource::{
        LabelSelector, Object,
        kubernetes::{NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicyRule, NetworkPolicySpec},
    },
    rule_id::RuleId,
};
use alloc::{format, string::ToString, sync::Arc, vec, vec::Vec};
use serde_json::Value;

/// Returns the policy of `object`.
pub(super) fn policy(object: &Object<NetworkPolicySpec>, scope: &Scope<'_>, faults: &mut Faults) -> Policy {
    let spec = &object.spec;
    let reference = Arc::new(object.reference());
    let none = LabelSelector::default();
    let labels = spec.pod_selector.as_ref().unwrap_or(&none);
    let mut subject = selector(labels, Keys::Plain(K8S), "", "spec.podSelector", faults);
    subject.require(K8S, NAMESPACE, equals(scope.namespace.unwrap_or_default()));
    let types: Vec<&str> = spec.policy_types.iter().flatten().map(|t| t.as_str()).collect();
    for (i, name) in types.iter().enumerate().filter(|(_, t)| !matches!(**t, "Ingress" | "Egress")) {
        faults.add(
            format!("spec.policyTypes[{i}]"),
            NetworkPolicyFault::InvalidPolicyType((*name).to_string()),
        );
    }
    if types.len() > 2 {
        faults.add("spec.policyTypes", NetworkPolicyFault::TooManyPolicyTypes);
    }
    let mut read = |list: &Option<Vec<Option<NetworkPolicyRule>>>, egress: bool, listed: bool| {
        let section = if egress { "egress" } else { "ingress" };
        let rules = list.as_deref().unwrap_or_default();
        let mut entries = Vec::new();
        for (number, rule) in (0u32..).zip(rules) {
            let rule = rule.clone().unwrap_or_default();
            let path = format!("spec.{section}[{number}]");
            let id = RuleId::in_section(reference.clone(), section, number);
            let peers = if egress { &rule.to } else { &rule.from };
            let wrong = if egress { &rule.from } else { &rule.to };
            if wrong.is_some() {
                let field = if egress { "from" } else { "to" };
                faults.add(format!("{path}.{field}"), NetworkPolicyFault::WrongDirection(field, section));
            }
            let peers = peer_spec(peers, egress, &path, scope, faults);
            let ports = ports(&rule.ports, &path, faults);
            let (effect, level) = (Effect::Allow, Level::NORMAL);
            entries.push(Entry::new(id, path, effect, level, peers, ports));
        }
        let is_present = !rules.is_empty() || listed;
        Direction { is_present, enables_default_deny: is_present, entries }
    };
    let egress = read(&spec.egress, true, types.contains(&"Egress"));
    let ingress = read(&spec.ingress, false, types.contains(&"Ingress") || !types.contains(&"Egress"));
    Policy { reference, subject, is_host: false, egress, ingress }
}

/// Returns the peers of a rule. An empty or missing list matches every peer, unlike in Cilium's own policies.
fn peer_spec(
    list: &Option<Vec<Option<NetworkPolicyPeer>>>,
    egress: bool,
    path: &str,
    scope: &Scope<'_>,
    faults: &mut Faults,
) -> PeerSpec {
    let list = list.as_deref().unwrap_or_default();
    if list.is_empty() {
        return PeerSpec::AnyOf(vec![Clause::default()]);
    }
    let peer_field = Field::new(if egress { "to[#]" } else { "from[#]" });
    let block_field = Field::new(if egress { "to[#].ipBlock" } else { "from[#].ipBlock" });
    let mut clauses = Vec::new();
    for (index, peer) in (0u32..).zip(list) {
        let at = format!("{path}.{}[{index}]", if egress { "to" } else { "from" });
        let peer = peer.clone().unwrap_or_default();
        match &peer.ip_block {
            Some(block) => {
                if peer.pod_selector.is_some() || peer.namespace_selector.is_some() {
                    faults.add(at.as_str(), NetworkPolicyFault::BlockAndSelector);
                }
                let net = cidr::block(&block.cidr, &format!("{at}.ipBlock.cidr"), faults);
                let Some(net) = net else { continue };
                let except = block.except.as_deref().unwrap_or_default();
                let at = format!("{at}.ipBlock");
                let exceptions = cidr::exceptions(except, Some(net), &at, faults);
                for exception in exceptions.iter().filter(|exception| **exception == net) {
                    faults.add(format!("{at}.except"), NetworkPolicyFault::ExceptionIsBlock(*exception));
                }
                let all = cidr::clauses(net, &exceptions, index, scope.options).into_iter();
                clauses.extend(all.map(|clause| clause.at(block_field.index(index))));
            }
            None => {
                if peer.pod_selector.is_none() && peer.namespace_selector.is_none() {
                    faults.add(at.as_str(), NetworkPolicyFault::EmptyPeer);
                }
                let mut clause = by_labels(vec![pods(&peer, &at, scope, faults)]);
                clause.iter_mut().for_each(|c| c.index = index);
                clauses.extend(clause.into_iter().map(|clause| clause.at(peer_field.index(index))));
            }
        }
    }
    PeerSpec::AnyOf(clauses)
}

fn pods(peer: &NetworkPolicyPeer, path: &str, scope: &Scope<'_>, faults: &mut Faults) -> Selector {
    let mut labels = Selector::default();
    if let Some(own) = &peer.pod_selector {
        let at = format!("{path}.podSelector");
        labels = selector(own, Keys::Plain(K8S), "", &at, faults);
    }
    match &peer.namespace_selector {
        None => labels.require(K8S, NAMESPACE, equals(scope.namespace.unwrap_or_default())),
        Some(by_label) => {
            in_namespaces(&mut labels, by_label, &below(path, "namespaceSelector"), scope, faults);
        }
    }
    local_cluster(&mut labels, scope);
    labels
}

fn ports(list: &Option<Vec<Option<NetworkPolicyPort>>>, path: &str, faults: &mut Faults) -> Ports {
    let list = list.as_deref().unwrap_or_default();
    if list.is_empty() {
        return Ports::Any;
    }
    let mut groups = Vec::new();
    for (index, item) in (0u32..).zip(list) {
        let item = item.clone().unwrap_or_default();
        let at = format!("{path}.ports[{index}]");
        let name = item.protocol.as_deref().unwrap_or("TCP");
        let protocol =
            Protocol::parse(name).filter(|p| matches!(p, Protocol::Tcp | Protocol::Udp | Protocol::Sctp));
        let Some(protocol) = protocol else {
            faults.add(format!("{at}.protocol"), NetworkPolicyFault::InvalidProtocol(name.to_string()));
            continue;
        };
        let Some(number) = number(&item, &at, faults) else { continue };
        // An `endPort` without a port number is a fault.
        let end = item.end_port.unwrap_or_default();
        groups.push(PortGroup {
            index,
            field: Field::new("ports[#]").index(index),
            ports: vec![Port { end, ..Port::single(protocol, number) }],
            ..PortGroup::default()
        });
    }
    Ports::Listed(groups)
}

/// Returns the ports of `item`.
pub(crate) fn number(item: &NetworkPolicyPort, path: &str, faults: &mut Faults) -> Option<Number> {
    let (at, end_at) = (format!("{path}.port"), format!("{path}.endPort"));
    let mut no_range = |fault: NetworkPolicyFault| {
        if item.end_port.is_some() {
            faults.add(end_at.as_str(), fault);
        }
    };
    let fault = match &item.port {
        None | Some(Value::Null) => {
            no_range(NetworkPolicyFault::EndPortWithoutPort);
            return Some(Number::Range(0, u16::MAX));
        }
        Some(Value::Number(number)) => match number.as_u64().and_then(|n| u16::try_from(n).ok()) {
            Some(port @ 1..) => {
                if item.end_port.is_some_and(|end| end < port) {
                    faults.add(end_at, NetworkPolicyFault::EndPortBeforePort);
                }
                return Some(Number::Range(port, item.end_port.unwrap_or(port).max(port)));
            }
            _ => NetworkPolicyFault::InvalidPortNumber(number.to_string()),
        },
        Some(Value::String(name)) if is_port_name(name) => {
            no_range(NetworkPolicyFault::EndPortOfNamedPort);
            return Some(Number::Named(name.as_str().into()));
        }
        Some(Value::String(text)) => NetworkPolicyFault::InvalidPortName(text.clone()),
        Some(_) => NetworkPolicyFault::InvalidPort,
    };
    faults.add(at, fault);
    None
}

/// Whether `text` is the name of a port in Kubernetes.
fn is_port_name(text: &str) -> bool {
    is_service_name(text) && !text.bytes().any(|b| b.is_ascii_uppercase())
}
