//! The policies that each format cannot enforce exactly (docs/envoy.md, "Policies without exact enforcement").

use super::{configuration::Settings, format::Format};
use crate::show::notes;
use palisade::{
    CalledService, Cluster, Diagnostic, MeshRole, Options, Workload,
    enforcement::{self, Inexact},
    export::Chain,
    ir::{AddressAttribute, Attribute},
    resource::{Object, istio::Action},
};
use palisade_manifests::Manifests;
use std::collections::BTreeMap;

/// A format, and the kind of its filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deployment {
    pub(super) format: Format,
    pub(super) tcp: bool,
}

impl Deployment {
    /// Returns whether the format has a separate filter for CUSTOM policies before `jwt_authn`.
    pub(super) fn splits_custom(self) -> bool {
        !self.tcp && self.format.is_istio()
    }

    /// Returns the policies that the format cannot enforce exactly.
    pub(super) fn inexact(
        self,
        settings: &Settings<'_>,
        manifests: &Manifests,
        options: &Options,
    ) -> Vec<Inexact> {
        let cluster = &manifests.cluster;
        let workloads: Vec<&Workload> = match settings.workload {
            Some(workload) => vec![workload],
            None => cluster.workloads().collect(),
        };
        if settings.is_outbound() {
            return workloads.iter().flat_map(|w| enforcement::check_egress(cluster, w, options)).collect();
        }
        let service = settings.service;
        let mut found = match settings.workload {
            Some(workload) => enforcement::check_proxy(cluster, workload, service, options),
            None => enforcement::for_services(cluster),
        };
        for workload in workloads {
            found.extend(direct_traffic(cluster, workload, service, options));
            found.extend(self.custom(cluster, workload, settings, options));
            if self.tcp && self.format == Format::IstioWasmPlugin {
                found.extend(enforcement::check_connections(cluster, workload, service, options));
            }
            if self.format == Format::EnvoyGateway {
                found.extend(peer_addresses(cluster, workload, service, options));
            }
        }
        found
    }

    /// Returns the CUSTOM policies that the format cannot enforce exactly.
    fn custom(
        self,
        cluster: &Cluster,
        workload: &Workload,
        settings: &Settings<'_>,
        options: &Options,
    ) -> Vec<Inexact> {
        let service = settings.service;
        let chain = if self.tcp { Chain::Tcp } else { Chain::Http };
        let asking = || enforcement::custom_policies(cluster, workload, service, chain, options).into_iter();
        let refused = |message: &'static str, help: &'static str| {
            asking().map(|policy| Inexact::new(policy, "spec.action", message, help)).collect::<Vec<_>>()
        };
        if self.tcp {
            return refused(
                "a network filter cannot call a provider for a connection: it closes each connection that the policy matches",
                "leave CUSTOM on TCP ports to istiod",
            );
        }
        let mut found = Vec::new();
        if settings.provider.is_none() {
            found.extend(refused(
                "no provider is configured: the filter denies each request that the policy matches",
                "name the proxy's cluster of the provider: --provider CLUSTER",
            ));
        }
        if !self.splits_custom() {
            found.extend(enforcement::check_custom(cluster, workload, service, options));
        }
        found
    }

    /// Prints warnings about policies that other components of the cluster enforce.
    pub(super) fn warn(self, settings: &Settings<'_>, manifests: &Manifests) {
        let cluster = &manifests.cluster;
        let resources = cluster.resources();
        let root = &resources.mesh.root_namespace;
        let may_apply = |namespace: &str| {
            let of_service = settings.service.is_some_and(|service| service.namespace == namespace);
            settings.workload.is_none_or(|w| w.namespace == namespace || namespace == root || of_service)
        };
        let mut findings = Vec::new();
        let mut elsewhere: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        if settings.is_outbound() {
            add(&mut elsewhere, INBOUND, &resources.authorization_policies, &may_apply);
        } else {
            let audits = resources.authorization_policies.iter();
            let audits =
                audits.filter(|p| p.spec.action == Some(Action::Audit) && may_apply(&p.metadata.namespace));
            findings.extend(audits.map(|policy| {
                warning(
                    policy,
                    "audit-not-tagged",
                    "AUDIT: the filter does not tag requests for the access log",
                    "leave the policy in the cluster: istiod's own filter tags them",
                )
            }));
            if !self.tcp && !self.format.is_istio() {
                let tokens = resources.request_authentications.iter();
                let tokens = tokens.filter(|policy| may_apply(&policy.metadata.namespace));
                findings.extend(tokens.map(|policy| {
                    warning(
                        policy,
                        "needs-jwt-authn",
                        "the filter validates no token: without `jwt_authn` before it, every token is ignored and \
                         rules on claims do not match",
                        "put Envoy's `jwt_authn` filter before this one",
                    )
                }));
            }
            add(&mut elsewhere, NODE, &resources.network_policies, &may_apply);
            add(&mut elsewhere, NODE, &resources.cilium_network_policies, &may_apply);
            add(&mut elsewhere, NODE, &resources.cilium_clusterwide_network_policies, &|_| true);
            add(&mut elsewhere, NODE, &resources.cluster_network_policies, &|_| true);
        }
        add(&mut elsewhere, TLS, &resources.peer_authentications, &may_apply);
        notes::warnings(&findings, &manifests.sources);
        for (place, names) in elsewhere {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            let more = names.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            notes::print(&format!("not in this bundle: {}{more} ({place})", shown.join(", ")));
        }
    }
}

/// The maximum number of policies in one note.
const SHOWN: usize = 5;
const NODE: &str = "enforced on the node";
const TLS: &str = "enforced by the TLS settings of the listener";
const INBOUND: &str = "enforced on inbound traffic";

fn add<T>(
    places: &mut BTreeMap<&'static str, Vec<String>>,
    place: &'static str,
    policies: &[Object<T>],
    may_apply: &dyn Fn(&str) -> bool,
) {
    let own = policies.iter().filter(|policy| may_apply(&policy.metadata.namespace));
    let names: Vec<String> = own.map(|policy| policy.reference().to_string()).collect();
    if !names.is_empty() {
        places.entry(place).or_default().extend(names);
    }
}

fn warning<T>(policy: &Object<T>, code: &'static str, message: &str, help: &str) -> Diagnostic {
    Diagnostic::warning(code, message).help(help).of(policy.title(), &policy.origin)
}

/// Returns the policies of a waypoint that also apply to traffic addressed to Pods, which a configuration for one service
/// does not receive.
fn direct_traffic(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> Vec<Inexact> {
    const WAYPOINT_FOR: &str = "istio.io/waypoint-for";
    let (MeshRole::Waypoint(name), Some(_)) = (&workload.role, service) else { return Vec::new() };
    let mut gateways = cluster.resources().gateway_api.iter().map(|gateway| &gateway.metadata);
    let own = gateways.find(|m| (&m.namespace, &m.name) == (&workload.namespace, name));
    let serves = own.and_then(|metadata| metadata.labels.get(WAYPOINT_FOR));
    if !serves.is_some_and(|kind| kind == "workload" || kind == "all") {
        return Vec::new();
    }
    let always = enforcement::applicable_policies(cluster, workload, None, options);
    let policies = cluster.resources().authorization_policies.iter();
    let always = policies.filter(|policy| always.contains(&policy.reference()));
    let inexact = always.map(|policy| {
        Inexact::new(
            policy,
            "spec.targetRefs",
            "the policy also applies to traffic that is addressed to pods, which a configuration for one service does not receive",
            "leave the policy to istiod, or set `istio.io/waypoint-for: service` on the Gateway",
        )
    });
    inexact.collect()
}

/// Returns the policies that use the address of the socket's peer, which no filter of Envoy Gateway can write to the
/// filter state.
fn peer_addresses(
    cluster: &Cluster,
    workload: &Workload,
    service: Option<CalledService<'_>>,
    options: &Options,
) -> Vec<Inexact> {
    let reading = enforcement::policies_reading(
        cluster,
        workload,
        service,
        &Attribute::Address(AddressAttribute::SourceIp),
        options,
    );
    let inexact = reading.into_iter().map(|policy| {
        Inexact::new(
            policy,
            "spec.rules",
            "`ipBlocks` and `source.ip` use the address of the socket's peer; with `X-Forwarded-For`, the filter denies instead",
            "use `remoteIpBlocks`, or another format",
        )
    });
    inexact.collect()
}
