//! What Azure refuses on top of Cilium: advanced container networking services
//! (docs/semantics/cilium.md#cilium-azure-levels).

use super::{Findings, peer::Scope, selector::below};
use crate::{
    diagnostic::Authority,
    options::{AdvancedNetworkPolicies, CiliumVersion},
    resource::cilium::{CiliumPolicy, L7Rules, Peers, PortRule},
};
use alloc::{borrow::ToOwned, format, string::String};
use core::net::{IpAddr, Ipv4Addr};
use ipnet::IpNet;

/// Where node-local DNS listens.
const NODE_LOCAL_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10));

/// Checks every rule of `policy`.
pub(super) fn check(policy: &CiliumPolicy, scope: &Scope<'_>, findings: &mut Findings) {
    findings.by(Some(Authority::AzureAcns));
    let one = policy.spec.iter().map(|rule| ("spec".to_owned(), rule));
    let many = policy.specs.iter().flatten().enumerate().map(|(i, rule)| (format!("specs[{i}]"), rule));
    for (path, rule) in one.chain(many) {
        for (i, entry) in rule.ingress.iter().flatten().enumerate() {
            let at = format!("{path}.ingress[{i}]");
            entry_at(&entry.peers(), entry.to_ports.as_deref(), &at, scope, findings);
        }
        for (i, entry) in rule.egress.iter().flatten().enumerate() {
            let at = format!("{path}.egress[{i}]");
            entry_at(&entry.peers(), entry.to_ports.as_deref(), &at, scope, findings);
        }
    }
}

fn entry_at(
    peers: &Peers<'_>,
    to_ports: Option<&[PortRule]>,
    path: &str,
    scope: &Scope<'_>,
    findings: &mut Findings,
) {
    let level = scope.options.cilium.advanced_network_policies;
    let names = peers.fqdns.unwrap_or_default();
    if !names.is_empty() && level == AdvancedNetworkPolicies::None {
        level_needed("toFQDNs", "FQDN", &below(path, "toFQDNs"), findings);
    }
    for (i, item) in names.iter().enumerate() {
        for (field, text) in [("matchName", &item.match_name), ("matchPattern", &item.match_pattern)] {
            let Some(text) = text.as_deref() else { continue };
            let at = format!("{path}.toFQDNs[{i}].{field}");
            if in_cluster(text) {
                let message = format!("`{text}` is the name of a Kubernetes service");
                let help = "select the service's pods with `toEndpoints`, or the service with `toServices`";
                findings.error("acns-service-name", &at, message, help);
            }
            subdomains(text, &at, scope, findings);
        }
    }
    for (i, rule) in to_ports.unwrap_or_default().iter().enumerate() {
        let at = format!("{path}.toPorts[{i}]");
        for (field, given) in [
            ("serverNames", rule.server_names.as_ref().is_some_and(|l| !l.is_empty())),
            ("terminatingTLS", rule.terminating_tls.is_some()),
            ("originatingTLS", rule.originating_tls.is_some()),
            ("listener", rule.listener.is_some()),
        ] {
            if given && level != AdvancedNetworkPolicies::L7 {
                level_needed(field, "L7", &below(&at, field), findings);
            }
        }
        let Some(rules) = &rule.rules else { continue };
        let at = below(&at, "rules");
        parsers(rules, level, &at, findings);
        for (n, item) in rules.dns.iter().flatten().enumerate() {
            let Some(pattern) = item.match_pattern.as_deref() else { continue };
            let at = format!("{at}.dns[{n}].matchPattern");
            if pattern.starts_with('*') && pattern.trim_end_matches('.').bytes().all(|b| b == b'*') {
                let message = format!("the bare `{pattern}` is not allowed in DNS rules here (T45)");
                let help = "list the names that the pods may ask for, such as `*.example.com`";
                findings.error("acns-bare-star", &at, message, help);
            }
            subdomains(pattern, &at, scope, findings);
        }
        let asks = rules.dns.as_ref().is_some_and(|l| !l.is_empty());
        if asks && names_node_local_dns(peers) {
            let message = "node-local DNS is not supported beside FQDN rules here";
            let help = "let the pods ask kube-dns directly";
            findings.error("acns-node-local-dns", path, message, help);
        }
    }
}

fn parsers(rules: &L7Rules, level: AdvancedNetworkPolicies, path: &str, findings: &mut Findings) {
    let dns = rules.dns.as_ref().is_some_and(|l| !l.is_empty());
    if dns && level == AdvancedNetworkPolicies::None {
        level_needed("rules.dns", "FQDN", &below(path, "dns"), findings);
    }
    for (field, given) in [
        ("http", rules.http.as_ref().is_some_and(|l| !l.is_empty())),
        ("kafka", rules.kafka.is_some()),
        ("l7proto", rules.l7proto.is_some()),
    ] {
        if given && level != AdvancedNetworkPolicies::L7 {
            level_needed(&format!("rules.{field}"), "L7", &below(path, field), findings);
        }
    }
    if rules.kafka.is_some() {
        let message = "Kafka rules are advertised here, but Cilium 1.20 drops them silently (T42)";
        let help = "check the cluster's Cilium version, and restrict the ports otherwise";
        findings.warn("acns-kafka", &below(path, "kafka"), message, help);
    }
}

fn level_needed(what: &str, level: &str, path: &str, findings: &mut Findings) {
    let message = format!("`{what}` needs advanced network policies of level {level}");
    let help = match level {
        "FQDN" => {
            "set `--acns-advanced-networkpolicies FQDN` (or L7) on the cluster; here: option advancedNetworkPolicies"
        }
        _ => {
            "set `--acns-advanced-networkpolicies L7` on the cluster; here: option advancedNetworkPolicies=L7"
        }
    };
    findings.error("acns-level", path, message, help);
}

/// A leading `**.` is younger than the Cilium of many clusters.
fn subdomains(pattern: &str, path: &str, scope: &Scope<'_>, findings: &mut Findings) {
    if pattern.starts_with("**.") && scope.options.cilium.version >= CiliumVersion::V1_19 {
        let message =
            format!("`{pattern}` means every depth only since Cilium 1.19; Azure's Cilium lags behind");
        let help = "check the cluster's version; before 1.19 write one pattern for each depth";
        findings.warn("acns-version", path, message, help);
    }
}

fn in_cluster(name: &str) -> bool {
    let name: String = name.trim_end_matches('.').to_ascii_lowercase();
    name == "cluster.local" || name.ends_with(".cluster.local") || name.ends_with(".svc")
}

fn names_node_local_dns(peers: &Peers<'_>) -> bool {
    let labels = peers.endpoints.into_iter().flatten();
    let mut values = labels.flat_map(|s| s.match_labels.iter().flatten()).map(|(_, value)| value.as_str());
    let sets = peers.cidr_set.into_iter().flatten().filter_map(|item| item.cidr.as_deref());
    let cidrs = peers.cidr.into_iter().flatten().map(String::as_str).chain(sets);
    let nets = cidrs.filter_map(|text| text.parse::<IpNet>().ok());
    values.any(|v| v == "node-local-dns")
        || nets.filter(|net| net.prefix_len() > 8).any(|net| net.contains(&NODE_LOCAL_DNS))
}
