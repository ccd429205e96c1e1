//! Warnings about a rule of a CiliumNetworkPolicy or CiliumClusterwideNetworkPolicy.

use super::{
    super::super::model::{Faults, Keys, Scope, below, selector},
    blocks, l7, labels, peers, ports,
};
use crate::{
    cluster::identity::{K8S, NAMESPACE},
    diagnostic::Report,
    options::CiliumVersion,
    resource::cilium::{CiliumRule, EgressRule, IcmpRule, IngressRule, Peers, PortRule},
};
use alloc::format;

/// Adds the warnings about `rule` at `path`.
pub(super) fn check(rule: &CiliumRule, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    subject(rule, path, scope, report);
    idle_default_deny(rule, path, report);
    blocks::reopened(rule, path, report);
    let flag = rule.enable_default_deny.unwrap_or_default();
    for (name, list, is_deny) in
        [("ingress", &rule.ingress, false), ("ingressDeny", &rule.ingress_deny, true)]
    {
        let section = Section { is_egress: false, is_deny, enabled: flag.ingress };
        for (i, item) in list.iter().flatten().enumerate() {
            entry(&item.into(), section, &format!("{path}.{name}[{i}]"), scope, report);
        }
    }
    for (name, list, is_deny) in [("egress", &rule.egress, false), ("egressDeny", &rule.egress_deny, true)] {
        let section = Section { is_egress: true, is_deny, enabled: flag.egress };
        for (i, item) in list.iter().flatten().enumerate() {
            entry(&item.into(), section, &format!("{path}.{name}[{i}]"), scope, report);
        }
    }
}

fn subject(rule: &CiliumRule, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    match (&rule.endpoint_selector, &rule.node_selector) {
        (Some(endpoints), None) => {
            let at = below(path, "endpointSelector");
            let subject = selector(endpoints, Keys::Any, "", &at, &mut Faults::default());
            labels::excluded(&subject, &at, scope, report);
            if scope.namespace.is_some() && subject.names(K8S, NAMESPACE) {
                let message = "the namespace is overwritten by the policy's own";
                report.warn("overwritten-namespace", &at, message, "remove the key");
            }
        }
        (None, Some(_)) if !scope.options.cilium.host_firewall => {
            let at = below(path, "nodeSelector");
            let message = "without the host firewall the rule does nothing";
            let help = "set the option `hostFirewall` (agent: enable-host-firewall)";
            report.warn("option-needed", &at, message, help);
        }
        _ => {}
    }
}

/// `enableDefaultDeny: true` of a direction without entries (docs/semantics/cilium.md#cilium-default-deny-flag).
fn idle_default_deny(rule: &CiliumRule, path: &str, report: &mut Report<'_>) {
    let flag = rule.enable_default_deny.unwrap_or_default();
    let ingress = rule.ingress.iter().flatten().count() + rule.ingress_deny.iter().flatten().count();
    let egress = rule.egress.iter().flatten().count() + rule.egress_deny.iter().flatten().count();
    for (field, set, entries) in [("ingress", flag.ingress, ingress), ("egress", flag.egress, egress)] {
        if set == Some(true) && entries == 0 {
            let at = format!("{path}.enableDefaultDeny.{field}");
            let message = format!("without an entry of `{field}` the policy enables no default deny");
            report.warn("idle-default-deny", &at, message, &format!("add `{field}: [{{}}]`"));
        }
    }
}

/// The section of an entry.
#[derive(Clone, Copy)]
struct Section {
    is_egress: bool,
    is_deny: bool,
    /// `enableDefaultDeny` of the direction.
    enabled: Option<bool>,
}

/// The fields of an entry that both directions have.
struct Parts<'a> {
    peers: Peers<'a>,
    to_ports: &'a [PortRule],
    icmps: &'a [IcmpRule],
    has_authentication: bool,
    /// Whether it has an `auth`, the former name of `authentication`.
    has_auth: bool,
}

impl<'a> From<&'a IngressRule> for Parts<'a> {
    fn from(rule: &'a IngressRule) -> Self {
        Self {
            peers: rule.peers(),
            to_ports: rule.to_ports.as_deref().unwrap_or_default(),
            icmps: rule.icmps.as_deref().unwrap_or_default(),
            has_authentication: rule.authentication.is_some(),
            has_auth: rule.auth.is_some(),
        }
    }
}

impl<'a> From<&'a EgressRule> for Parts<'a> {
    fn from(rule: &'a EgressRule) -> Self {
        Self {
            peers: rule.peers(),
            to_ports: rule.to_ports.as_deref().unwrap_or_default(),
            icmps: rule.icmps.as_deref().unwrap_or_default(),
            has_authentication: rule.authentication.is_some(),
            has_auth: rule.auth.is_some(),
        }
    }
}

fn entry(parts: &Parts<'_>, section: Section, path: &str, scope: &Scope<'_>, report: &mut Report<'_>) {
    let Section { is_egress, is_deny, enabled } = section;
    let is_idle = enabled == Some(false) && scope.options.cilium.non_default_deny && !is_deny;
    if is_idle && scope.options.cilium.version >= CiliumVersion::V1_18 {
        l7::without_default_deny(parts.to_ports, path, report);
    }
    let peers = dropped_fields(parts, is_deny, path, report);
    if is_deny && !is_egress {
        peers::denied_host(&peers, path, report);
    }
    let has_ports = !parts.to_ports.is_empty() || !parts.icmps.is_empty();
    peers::empty_lists(&peers, has_ports, is_egress, path, report);
    peers::check(&peers, is_egress, path, scope, report);
    for (i, item) in parts.to_ports.iter().enumerate() {
        let at = format!("{path}.toPorts[{i}]");
        ports::check(item, &at, report);
        if is_deny { l7::dropped(item, &at, report) } else { l7::check(item, &at, scope, report) }
    }
    for (i, item) in parts.icmps.iter().enumerate() {
        ports::icmp_type_zero(item, &format!("{path}.icmps[{i}]"), report);
    }
    peers::requirements(&parts.peers, is_egress, path, scope, report);
}

/// Warns of fields that the API server drops (docs/semantics/cilium.md#cilium-deny-fields), and returns the peers without
/// them.
fn dropped_fields<'a>(parts: &Parts<'a>, is_deny: bool, path: &str, report: &mut Report<'_>) -> Peers<'a> {
    let mut peers = parts.peers;
    if is_deny && peers.fqdns.take().is_some_and(|list| !list.is_empty()) {
        let what = if parts.to_ports.is_empty() {
            "the entry denies nothing"
        } else {
            "the entry denies its ports to every peer"
        };
        let message = format!("deny rules have no `toFQDNs`, so it is dropped silently and {what}");
        let help = "deny by `toCIDR` or `toEntities`: names cannot be denied";
        report.warn("dropped-field", &below(path, "toFQDNs"), message, help);
    }
    let fields = [(parts.has_authentication && is_deny, "authentication"), (parts.has_auth, "auth")];
    for (_, field) in fields.into_iter().filter(|(set, _)| *set) {
        let message = format!("there is no `{field}` here, so it is dropped silently");
        report.warn("dropped-field", &below(path, field), message, "remove it");
    }
    peers
}
