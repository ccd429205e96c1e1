//! What the schema of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy rejects
//! (docs/semantics/cilium.md#cilium-agent-and-schema).
//!
//! The API server checks the schema before the agent reads the object. Each of the two rejects policies that the other
//! accepts, so each has its own checks. Types and unknown fields are not checked here: decoding of the object rejects
//! them.

mod l7;
mod schema;
mod text;

use super::super::model::{
    MAX_PORTS, PolicyObject, below, is_name, is_type, parse_block, peer_fields, rules,
};
use crate::{
    diagnostic::{Authority, Diagnostic},
    options::Options,
    resource::{
        LabelSelector,
        cilium::{Authentication, CiliumPolicy, CiliumRule, IcmpRule, Peers, PortRule},
    },
};
use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};
use schema::{Rejection, Schema};

/// Returns the fields of `policy` that the schema rejects.
fn rejections(policy: &CiliumPolicy, options: &Options) -> Vec<Rejection> {
    let mut schema = Schema::new(options.cilium.version);
    for (path, rule) in rules(policy) {
        schema.rule(rule, &path);
    }
    schema.found
}

/// Adds the rejections of the schema for `object` to `findings`, those of the agent. A field that both reject has one
/// finding with both authorities. What the agent accepts is a warning.
pub(super) fn add(object: PolicyObject<'_>, options: &Options, findings: &mut Vec<Diagnostic>) {
    let (PolicyObject::Cilium(policy) | PolicyObject::CiliumClusterwide(policy)) = object else { return };
    let rejections = rejections(&policy.spec, options);
    let rejected: BTreeSet<&str> = rejections.iter().map(|rejection| rejection.path.as_str()).collect();
    let mut known = BTreeSet::new();
    for finding in findings.iter_mut().filter(|finding| rejected.contains(finding.path.as_str())) {
        known.insert(finding.path.clone());
        finding.refused_by.push(Authority::Crd);
    }
    for Rejection { path, message, help } in rejections {
        if !known.contains(&path) {
            let finding = Diagnostic::warning("rejected-by-crd", message).at(path).help(help);
            findings.push(finding.refused_by(Authority::Crd));
        }
    }
}

impl Schema {
    fn rule(&mut self, rule: &CiliumRule, path: &str) {
        if rule.endpoint_selector.is_some() == rule.node_selector.is_some() {
            let help = "give one of `endpointSelector` and `nodeSelector`";
            self.reject(path, "not exactly one of the two selectors is given", help);
        }
        let subjects = [("endpointSelector", &rule.endpoint_selector), ("nodeSelector", &rule.node_selector)];
        for (field, selector) in subjects {
            self.selectors(selector.as_slice(), &|_| below(path, field));
        }
        if let Some(value) = rule.log.as_ref().and_then(|log| log.value.as_deref())
            && !text::is_log_value(value)
        {
            let help = "write at most 32 printable characters";
            self.reject(format!("{path}.log.value"), "the value is too long, or cannot be printed", help);
        }
        for (section, list) in [("ingress", &rule.ingress), ("ingressDeny", &rule.ingress_deny)] {
            for (i, entry) in list.iter().flatten().enumerate() {
                let deny = section.ends_with("Deny");
                let at = format!("{path}.{section}[{i}]");
                self.peers(&entry.peers(), false, &at);
                self.ports(entry.to_ports.as_deref(), entry.icmps.as_deref(), deny, &at);
                self.authentication(entry.authentication.as_ref().filter(|_| !deny), &at);
            }
        }
        for (section, list) in [("egress", &rule.egress), ("egressDeny", &rule.egress_deny)] {
            for (i, entry) in list.iter().flatten().enumerate() {
                let deny = section.ends_with("Deny");
                let at = format!("{path}.{section}[{i}]");
                self.peers(
                    &Peers { fqdns: entry.peers().fqdns.filter(|_| !deny), ..entry.peers() },
                    true,
                    &at,
                );
                self.ports(entry.to_ports.as_deref(), entry.icmps.as_deref(), deny, &at);
                self.authentication(entry.authentication.as_ref().filter(|_| !deny), &at);
            }
        }
    }

    fn peers(&mut self, peers: &Peers<'_>, egress: bool, path: &str) {
        let [endpoints, cidrs, sets, entities, nodes, ..] = peer_fields(egress).map(|f| below(path, f));
        self.selectors(peers.endpoints.unwrap_or_default(), &|i| format!("{endpoints}[{i}]"));
        self.selectors(peers.nodes.unwrap_or_default(), &|i| format!("{nodes}[{i}]"));
        for (i, cidr) in peers.cidr.into_iter().flatten().enumerate() {
            self.cidr(cidr, format!("{cidrs}[{i}]"));
        }
        for (i, item) in peers.cidr_set.into_iter().flatten().enumerate() {
            let at = format!("{sets}[{i}]");
            let sources =
                [item.cidr.is_some(), item.cidr_group_ref.is_some(), item.cidr_group_selector.is_some()];
            if sources.iter().filter(|s| **s).count() != 1 {
                let help = "give exactly one of `cidr`, `cidrGroupRef` and `cidrGroupSelector`";
                self.reject(at.as_str(), "the item has no source of addresses, or several", help);
            }
            if let Some(cidr) = &item.cidr {
                self.cidr(cidr, below(&at, "cidr"));
            }
            if let Some(name) = item.cidr_group_ref.as_deref().filter(|n| !text::is_subdomain(n)) {
                let help = "a name is lower-case letters, digits, dashes and dots";
                self.reject(below(&at, "cidrGroupRef"), format!("invalid group name `{name}`"), help);
            }
            self.selectors(item.cidr_group_selector.as_slice(), &|_| below(&at, "cidrGroupSelector"));
            for (n, hole) in item.except.iter().flatten().enumerate() {
                self.cidr(hole, format!("{at}.except[{n}]"));
            }
        }
        for (i, entity) in peers.entities.into_iter().flatten().enumerate() {
            if !text::is_entity(entity, self.version) {
                let help = "use all, world, cluster, host, remote-node, kube-apiserver, health, init, ingress, \
                            unmanaged or none; case counts";
                self.reject(
                    format!("{entities}[{i}]"),
                    format!("entity `{entity}` is not in the schema"),
                    help,
                );
            }
        }
        for (i, item) in peers.fqdns.into_iter().flatten().enumerate() {
            self.names(&item.match_name, &item.match_pattern, &format!("{path}.toFQDNs[{i}]"));
        }
    }

    fn cidr(&mut self, cidr: &str, path: String) {
        if parse_block(cidr).is_none() {
            let help = "write an address, a slash and a prefix length, such as `10.0.0.0/8`";
            self.reject(path, format!("CIDR block `{cidr}` does not match the schema"), help);
        }
    }

    fn selectors(&mut self, selectors: &[LabelSelector], path: &dyn Fn(usize) -> String) {
        for (i, selector) in selectors.iter().enumerate() {
            let at = path(i);
            for value in selector.match_labels.iter().flatten().map(|(_, value)| value) {
                if !(value.is_empty() || is_name(value)) {
                    let help = "a value has at most 63 letters, digits, `-`, `_` and `.`";
                    let message = format!("invalid label value `{value}`");
                    self.reject(format!("{at}.matchLabels"), message, help);
                }
            }
            for (n, expression) in selector.match_expressions.iter().flatten().enumerate() {
                if !matches!(expression.operator.as_str(), "In" | "NotIn" | "Exists" | "DoesNotExist") {
                    let message = format!("invalid operator `{}`", expression.operator);
                    let help = "use `In`, `NotIn`, `Exists` or `DoesNotExist`; case counts";
                    self.reject(format!("{at}.matchExpressions[{n}].operator"), message, help);
                }
            }
        }
    }

    fn authentication(&mut self, authentication: Option<&Authentication>, path: &str) {
        let Some(authentication) = authentication else { return };
        let mode = authentication.mode.as_deref().unwrap_or_default();
        if !matches!(mode, "disabled" | "required" | "test-always-fail") {
            let help = "write `required`, `disabled` or `test-always-fail`";
            let message = format!("invalid authentication mode `{mode}`");
            self.reject(format!("{path}.authentication.mode"), message, help);
        }
    }

    fn ports(&mut self, to_ports: Option<&[PortRule]>, icmps: Option<&[IcmpRule]>, deny: bool, path: &str) {
        for (i, rule) in to_ports.unwrap_or_default().iter().enumerate() {
            let at = format!("{path}.toPorts[{i}]");
            let list = rule.ports.as_deref().unwrap_or_default();
            if list.len() > MAX_PORTS {
                let message = format!("{} ports, more than {MAX_PORTS}", list.len());
                self.reject(below(&at, "ports"), message, "split the item");
            }
            for (n, item) in list.iter().enumerate() {
                let at = format!("{at}.ports[{n}]");
                if let Some(port) = item.port.as_deref().filter(|p| !text::is_port(p)) {
                    let help = "write a number up to 65535, or a name of letters, digits and single dashes";
                    self.reject(below(&at, "port"), format!("port `{port}` does not match the schema"), help);
                }
                if let Some(end) = item.end_port.filter(|end| !(0..=65535).contains(end)) {
                    let help = "write a number up to 65535";
                    self.reject(below(&at, "endPort"), format!("invalid port number {end}"), help);
                }
                if let Some(protocol) =
                    item.protocol.as_deref().filter(|p| !text::is_protocol(p, self.version))
                {
                    let message = format!("protocol `{protocol}` is not in the schema");
                    let upper = protocol.to_ascii_uppercase();
                    let help = if text::is_protocol(&upper, self.version) {
                        format!("write `{upper}`: upper case")
                    } else {
                        "use TCP, UDP, SCTP or ANY".to_string()
                    };
                    self.reject(below(&at, "protocol"), message, &help);
                }
            }
            if !deny {
                self.proxied(rule, &at);
            }
        }
        for (i, rule) in icmps.unwrap_or_default().iter().enumerate() {
            let at = format!("{path}.icmps[{i}].fields");
            let list = rule.fields.as_deref().unwrap_or_default();
            if list.len() > MAX_PORTS {
                let message = format!("{} fields, more than {MAX_PORTS}", list.len());
                self.reject(at.as_str(), message, "split the item");
            }
            for (n, field) in list.iter().enumerate() {
                if let Some(family) = field.family.as_deref().filter(|f| !matches!(*f, "IPv4" | "IPv6")) {
                    let message = format!("invalid address family `{family}`");
                    self.reject(format!("{at}[{n}].family"), message, "use `IPv4` or `IPv6`");
                }
                if !field.kind.as_ref().is_some_and(is_type) {
                    let help = "write a number up to 255, or a name such as `EchoRequest`";
                    self.reject(format!("{at}[{n}].type"), "ICMP type is not in the schema", help);
                }
            }
        }
    }
}
