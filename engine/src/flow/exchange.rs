//! The connection, request or DNS lookup of a flow, as network policies see it.

use super::{
    endpoint::{Destination, Endpoint, Resolver},
    explanation::FlowError,
    history::History,
    types::Flow,
};
use crate::{
    cluster::EndpointKind,
    http::{self, Admitted, HttpRequest, NormalizationVersion},
    lower::cilium::name::canonical,
    net::{Protocol, Transport},
    options::{Options, Profile},
    resource::istio::PathNormalization,
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::net::IpAddr;

/// One connection, request or DNS lookup between two resolved endpoints.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) from: Endpoint<'a>,
    pub(super) to: Endpoint<'a>,
    pub(super) transport: Transport,
    /// The names in the DNS cache for the address of the destination.
    pub(super) names: Vec<&'a str>,
    /// The name, in canonical form, by which the client found the destination.
    pub(super) searched_name: Option<&'a str>,
    /// The name of a DNS lookup, in canonical form.
    pub(super) query: Option<Box<str>>,
    /// The server name of the TLS handshake; empty if the handshake has none.
    pub(super) sni: Option<String>,
    /// The request as the proxy sees it.
    pub(super) http: Option<Admitted>,
    /// Whether the client opens TLS.
    pub(super) tls: bool,
}

impl<'a> Exchange<'a> {
    /// Resolves the endpoints and the content of `flow`.
    pub(super) fn resolve(
        resolver: Resolver<'a>,
        flow: &Flow,
        history: &'a History,
    ) -> Result<Self, FlowError> {
        let from = resolver.source(&flow.from.endpoint)?;
        let Destination { endpoint: to, port } = resolver.destination(flow)?;
        let transport = transport(flow, port)?;
        let sni = match (&flow.tls, &flow.http) {
            (Some(tls), _) => Some(tls.sni.as_deref().unwrap_or_default().to_ascii_lowercase()),
            (None, Some(_)) => Some(String::new()),
            (None, None) => None,
        };
        // No rule allows a request that the proxy cannot parse.
        let http = flow.http.as_ref().and_then(|sent| admitted(sent, from.address, resolver.options));
        let outside = to.address.filter(|_| to.kind == EndpointKind::World);
        let names = outside.into_iter().flat_map(|ip| history.names(from.node_name(), ip)).collect();
        Ok(Self {
            names,
            searched_name: None,
            query: flow.dns.as_ref().map(|dns| canonical(&dns.query)),
            transport,
            sni,
            http,
            tls: flow.tls.is_some(),
            from,
            to,
        })
    }

    /// Returns the lookup of `name`, in canonical form, at `server`.
    pub(super) fn lookup(
        from: &Endpoint<'a>,
        server: &Endpoint<'a>,
        name: &str,
        transport: Transport,
    ) -> Self {
        Self {
            from: from.clone(),
            to: server.clone(),
            transport,
            names: Vec::new(),
            searched_name: None,
            query: Some(name.into()),
            sni: None,
            http: None,
            tls: false,
        }
    }
}

/// Returns `sent` as Cilium's Envoy shows it to its filters: with paths normalized as far as Envoy can.
fn admitted(sent: &HttpRequest, peer: Option<IpAddr>, options: &Options) -> Option<Admitted> {
    let proxy = http::Proxy {
        normalization: PathNormalization::DecodeAndMergeSlashes,
        version: NormalizationVersion::of_envoy(options.envoy.version),
        accepts_http_1_0: true,
        strict: options.profile == Profile::Strict,
        ..http::Proxy::sidecar()
    };
    http::decode(sent, &http::Downstream::plaintext(peer), &proxy).ok()
}

/// Returns the protocol and port of `flow`. An ICMP flow without a type is an echo request; a lookup without a port goes
/// to port 53.
fn transport(flow: &Flow, port: Option<u16>) -> Result<Transport, FlowError> {
    let protocol = flow.protocol;
    let port = match (protocol, flow.icmp_type, port) {
        (Protocol::Icmp, icmp_type, _) => icmp_type.unwrap_or(8).into(),
        (Protocol::Icmpv6, icmp_type, _) => icmp_type.unwrap_or(128).into(),
        (Protocol::Other(_), ..) => 0,
        (_, _, Some(port)) => port,
        (_, _, None) if flow.dns.is_some() => 53,
        (_, _, None) => {
            return Err(FlowError::new(format!("{protocol} without a port"), "add the destination port"));
        }
    };
    Ok(Transport { protocol, port })
}
