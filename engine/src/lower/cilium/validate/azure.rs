//! What Azure rejects in addition to Cilium: advanced container networking services
//! (docs/semantics/cilium.md#cilium-azure-levels).

use super::super::model::{below, rules};
use crate::{
    diagnostic::{Authority, Diagnostic},
    options::{AdvancedNetworkPolicies, CiliumVersion, Options},
    resource::cilium::{CiliumPolicy, L7Rules, Peers, PortRule},
};
use alloc::{format, string::String, vec::Vec};
use core::net::{IpAddr, Ipv4Addr};
use ipnet::IpNet;

/// The address of node-local DNS.
const NODE_LOCAL_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 20, 10));

/// Returns the findings about `policy`.
pub(super) fn findings(policy: &CiliumPolicy, options: &Options) -> Vec<Diagnostic> {
    let mut check = Check { options, findings: Vec::new() };
    for (path, rule) in rules(policy) {
        for (i, entry) in rule.ingress.iter().flatten().enumerate() {
            let at = format!("{path}.ingress[{i}]");
            check.entry(&entry.peers(), entry.to_ports.as_deref(), &at);
        }
        for (i, entry) in rule.egress.iter().flatten().enumerate() {
            let at = format!("{path}.egress[{i}]");
            check.entry(&entry.peers(), entry.to_ports.as_deref(), &at);
        }
    }
    check.findings
}

/// The findings about one policy so far.
struct Check<'o> {
    options: &'o Options,
    findings: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        let finding = Diagnostic::error(code, message).at(path).help(help);
        self.findings.push(finding.refused_by(Authority::AzureAcns));
    }

    fn warn(&mut self, code: &'static str, path: &str, message: impl Into<String>, help: &str) {
        self.findings.push(Diagnostic::warning(code, message).at(path).help(help));
    }

    fn entry(&mut self, peers: &Peers<'_>, to_ports: Option<&[PortRule]>, path: &str) {
        let level = self.options.cilium.advanced_network_policies;
        let names = peers.fqdns.unwrap_or_default();
        if !names.is_empty() && level == AdvancedNetworkPolicies::None {
            self.level_needed("toFQDNs", "FQDN", &below(path, "toFQDNs"));
        }
        for (i, item) in names.iter().enumerate() {
            for (field, text) in [("matchName", &item.match_name), ("matchPattern", &item.match_pattern)] {
                let Some(text) = text.as_deref() else { continue };
                let at = format!("{path}.toFQDNs[{i}].{field}");
                if in_cluster(text) {
                    let message = format!("`{text}` is the name of a Kubernetes service");
                    let help =
                        "select the service's pods with `toEndpoints`, or the service with `toServices`";
                    self.error("acns-service-name", &at, message, help);
                }
                self.subdomains(text, &at);
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
                    self.level_needed(field, "L7", &below(&at, field));
                }
            }
            let Some(rules) = &rule.rules else { continue };
            let at = below(&at, "rules");
            self.parsers(rules, level, &at);
            for (n, item) in rules.dns.iter().flatten().enumerate() {
                let Some(pattern) = item.match_pattern.as_deref() else { continue };
                let at = format!("{at}.dns[{n}].matchPattern");
                // See docs/semantics/cilium.md#cilium-azure-bare-star.
                if pattern.starts_with('*') && pattern.trim_end_matches('.').bytes().all(|b| b == b'*') {
                    let message = format!("the bare `{pattern}` is not allowed in DNS rules here");
                    let help = "list the names that the pods may look up, such as `*.example.com`";
                    self.error("acns-bare-star", &at, message, help);
                }
                self.subdomains(pattern, &at);
            }
            let asks = rules.dns.as_ref().is_some_and(|l| !l.is_empty());
            if asks && names_node_local_dns(peers) {
                let message = "node-local DNS is not supported with FQDN rules";
                let help = "send the lookups of the pods directly to kube-dns";
                self.error("acns-node-local-dns", path, message, help);
            }
        }
    }

    fn parsers(&mut self, rules: &L7Rules, level: AdvancedNetworkPolicies, path: &str) {
        let dns = rules.dns.as_ref().is_some_and(|l| !l.is_empty());
        if dns && level == AdvancedNetworkPolicies::None {
            self.level_needed("rules.dns", "FQDN", &below(path, "dns"));
        }
        for (field, given) in [
            ("http", rules.http.as_ref().is_some_and(|l| !l.is_empty())),
            ("kafka", rules.kafka.is_some()),
            ("l7proto", rules.l7proto.is_some()),
        ] {
            if given && level != AdvancedNetworkPolicies::L7 {
                self.level_needed(&format!("rules.{field}"), "L7", &below(path, field));
            }
        }
        // See docs/semantics/cilium.md#cilium-removed-parsers.
        if rules.kafka.is_some() {
            let message = "Kafka rules are advertised here, but Cilium 1.20 drops them silently";
            let help = "check the cluster's Cilium version, and restrict the ports otherwise";
            self.warn("acns-kafka", &below(path, "kafka"), message, help);
        }
    }

    fn level_needed(&mut self, what: &str, level: &str, path: &str) {
        let message = format!("`{what}` needs advanced network policies of level {level}");
        let help = match level {
            "FQDN" => {
                "set `--acns-advanced-networkpolicies FQDN` (or L7) on the cluster; here: option advancedNetworkPolicies"
            }
            _ => {
                "set `--acns-advanced-networkpolicies L7` on the cluster; here: option advancedNetworkPolicies=L7"
            }
        };
        self.error("acns-level", path, message, help);
    }

    /// Warns of a leading `**.`, which the Cilium of many clusters does not support yet.
    fn subdomains(&mut self, pattern: &str, path: &str) {
        if pattern.starts_with("**.") && self.options.cilium.version >= CiliumVersion::V1_19 {
            let message =
                format!("`{pattern}` means every depth only since Cilium 1.19; Azure's Cilium lags behind");
            let help = "check the cluster's version; before 1.19 write one pattern for each depth";
            self.warn("acns-version", path, message, help);
        }
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
