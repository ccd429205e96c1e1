//! The Cilium layers of a flow.

use super::{
    Flow, FlowError, History, LayerExplanation, Place, Simulation,
    endpoint::{Destination, Side},
    simulation::silent,
};
use crate::{
    cluster::EndKind,
    decision::{DecidedBy, DefaultReason, Layer, LayerDecision, Outcome},
    http::{self, Admitted, HttpRequest, NormalizationVersion},
    ir::{Proxy, Unlearnable},
    lower::cilium::{self, Endpoint, Lowered, name::FqdnLabels},
    matcher::CidrSet,
    net::{Protocol, Transport},
    network::{Direction, NetworkProgram},
    options::{Options, Profile},
    request::Request,
    resource::istio::PathNormalization,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::{
    cell::{OnceCell, RefCell},
    net::IpAddr,
};

/// The network policies of a cluster, compiled once per endpoint.
#[derive(Debug, Default)]
pub(super) struct Networks {
    lowered: OnceCell<Lowered>,
    /// The blocks that some policy or CiliumCIDRGroup names.
    blocks: OnceCell<CidrSet>,
    programs: RefCell<BTreeMap<String, Arc<NetworkProgram>>>,
    pub(super) fqdn_labels: OnceCell<Arc<FqdnLabels>>,
}

/// One connection or lookup as one end's policy sees it.
#[derive(Clone, Debug)]
pub(super) struct Exchange<'a> {
    pub(super) transport: Transport,
    /// Names known for the other end's address.
    pub(super) names: Vec<&'a str>,
    /// Name that the address was looked for by, in canonical form.
    pub(super) wanted: Option<&'a str>,
    /// Name asked for, in canonical form.
    pub(super) query: Option<&'a str>,
    /// Server name; empty where it is known that there is none.
    pub(super) sni: Option<&'a [u8]>,
    /// The request as the proxy sees it.
    pub(super) http: Option<&'a Admitted>,
    /// Whether the client speaks TLS.
    pub(super) tls: bool,
}

impl<'c> Simulation<'c> {
    /// Both Cilium layers of `flow`, each by itself.
    pub(super) fn network(&self, flow: &Flow, history: &History) -> Result<[LayerExplanation; 2], FlowError> {
        let from = self.source(&flow.from.place)?;
        let Destination { side: to, port } = self.destination(flow)?;
        let transport = transport(flow, port)?;
        let query = flow.dns.as_ref().map(|dns| cilium::name::canonical(&dns.query));
        let sni = match (&flow.tls, &flow.http) {
            (Some(tls), _) => Some(tls.sni.as_deref().unwrap_or_default().to_ascii_lowercase()),
            (None, Some(_)) => Some(String::new()),
            (None, None) => None,
        };
        // A request that the proxy cannot read is none that a rule lets through.
        let http = flow.http.as_ref().and_then(|sent| self.admitted(sent, &from));
        let names = to.address.iter().filter(|_| to.kind == EndKind::World);
        let exchange = Exchange {
            transport,
            names: names.flat_map(|ip| history.names(from.on_node(), *ip)).collect(),
            wanted: None,
            query: query.as_deref(),
            sni: sni.as_deref().map(str::as_bytes),
            http: http.as_ref(),
            tls: flow.tls.is_some(),
        };
        let egress = match &flow.to {
            Place::Fqdn { name, ip: None } => self.to_name(&from, &to, name, &exchange, history),
            _ => self.layer(Direction::Egress, &from, &to, &exchange),
        };
        let ingress = Exchange { names: Vec::new(), query: None, ..exchange };
        Ok([egress, self.layer(Direction::Ingress, &to, &from, &ingress)])
    }

    /// What the policy of `subject` says of `exchange` with `peer`.
    pub(super) fn layer(
        &self,
        direction: Direction,
        subject: &Side<'c>,
        peer: &Side<'c>,
        exchange: &Exchange<'_>,
    ) -> LayerExplanation {
        let layer = match direction {
            Direction::Egress => Layer::CiliumEgress,
            Direction::Ingress => Layer::CiliumIngress,
        };
        if !subject.kind.is_enforced(&self.options) {
            return silent(layer, "", Outcome::Outside);
        }
        let program = self.program(subject);
        let other = self.peer(peer, subject, &exchange.names);
        let port_names = match direction {
            Direction::Egress => self.port_names(peer, exchange.transport),
            Direction::Ingress => Vec::new(),
        };
        let mut request = Request {
            transport: Some(exchange.transport),
            peer: Some(other.as_peer()),
            peer_names: &exchange.names,
            port_names: &port_names,
            dns_query: exchange.query,
            server_name: exchange.sni,
            ..Request::default()
        };
        let mut headers: Vec<(&str, &[u8])> = Vec::new();
        if let Some(http) = exchange.http.filter(|_| !exchange.tls || program.terminates(direction, &request))
        {
            headers.extend(http.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())));
            request.method = Some(&http.method);
            request.path = http.path.as_deref();
            request.authority = Some(&http.authority);
            request.headers = &headers;
        }
        let status = (program.refusing(direction, &request) == Some(Proxy::Http) && request.method.is_some())
            .then_some(403);
        let decision = decide(&program, direction, &request, &self.options);
        let mut notes = Vec::new();
        let missed = matches!(decision.by, Some(DecidedBy::Default(DefaultReason::NoRuleMatched)));
        if missed && direction == Direction::Egress && peer.kind == EndKind::World {
            let concerned = |lost: &&Unlearnable| {
                exchange.wanted.is_none_or(|name| cilium::is_lost(lost, name, &self.options))
            };
            let lost = program.unlearnable().iter().filter(concerned);
            notes.extend(lost.map(|lost| cilium::lost_name(lost, program.observes_any())));
        }
        let rules = program.explain(direction, &request);
        LayerExplanation { layer, workload: subject.name.clone(), decision, status, rules, notes }
    }

    /// `sent` as Cilium's Envoy shows it to its filters: paths are normalized as far as Envoy can.
    fn admitted(&self, sent: &HttpRequest, from: &Side<'c>) -> Option<Admitted> {
        let proxy = http::Proxy {
            normalization: PathNormalization::DecodeAndMergeSlashes,
            version: NormalizationVersion::of_envoy(self.options.envoy.version),
            accepts_http_1_0: true,
            strict: self.options.profile == Profile::Strict,
            ..http::Proxy::sidecar()
        };
        http::decode(sent, &http::Downstream::plaintext(from.address), &proxy).ok()
    }

    fn lowered(&self) -> &Lowered {
        let lower = || cilium::lower(self.cluster, &self.options);
        self.networks.lowered.get_or_init(lower)
    }

    /// Whether an outside end with `addresses` and `names` has an identity of its own on the node rather than that of the
    /// world: some policy names a block that holds it, or one of its names.
    pub(super) fn has_local_identity(&self, addresses: &[IpAddr], names: &[&str]) -> bool {
        let blocks = || CidrSet::new(self.lowered().blocks(self.cluster).into_iter().map(|net| (net, 0)));
        let blocks = self.networks.blocks.get_or_init(blocks);
        let named = |name: &&str| !self.fqdn_labels().of(name).is_empty();
        addresses.iter().any(|ip| blocks.contains(*ip)) || names.iter().any(named)
    }

    /// The compiled policies of `side`.
    pub(super) fn program(&self, side: &Side<'c>) -> Arc<NetworkProgram> {
        let key = match &side.node {
            Some(node) => format!("{}@{node}", side.name),
            None => side.name.clone(),
        };
        if let Some(program) = self.networks.programs.borrow().get(&key) {
            return program.clone();
        }
        let lowered = self.lowered();
        let ports = side.workload.map(|w| w.ports.as_slice()).unwrap_or_default();
        let endpoint = Endpoint { kind: side.kind, labels: &side.labels, ports };
        let layer = lowered.layer(&endpoint, &self.options);
        let program = Arc::new(NetworkProgram::new(&layer, self.options.switches));
        self.networks.programs.borrow_mut().insert(key, program.clone());
        program
    }
}

/// What `program` decides about `request`; `strict` refuses names that cannot be on the wire.
pub(super) fn decide(
    program: &NetworkProgram,
    direction: Direction,
    request: &Request<'_>,
    options: &Options,
) -> LayerDecision {
    if options.profile == Profile::Strict && request.dns_query.is_some_and(has_empty_label) {
        let reason = "a DNS name with an empty label, which none on the wire has";
        return LayerDecision::by_default(Outcome::Reject, DefaultReason::Other(reason.into()));
    }
    program.decide(direction, request)
}

/// Whether a label of `name`, in canonical form, is empty; the root has none.
fn has_empty_label(name: &str) -> bool {
    name != "." && (name.starts_with('.') || name.contains(".."))
}

/// Protocol and port of `flow`; an ICMP flow without a type is an echo request, a lookup without a port goes to 53.
fn transport(flow: &Flow, port: Option<u16>) -> Result<Transport, FlowError> {
    let protocol = flow.protocol;
    let port = match (protocol, flow.icmp_type, port) {
        (Protocol::Icmp, kind, _) => kind.unwrap_or(8).into(),
        (Protocol::Icmpv6, kind, _) => kind.unwrap_or(128).into(),
        (Protocol::Other(_), ..) => 0,
        (_, _, Some(port)) => port,
        (_, _, None) if flow.dns.is_some() => 53,
        (_, _, None) => {
            return Err(FlowError::new(format!("{protocol} without a port"), "give the destination port"));
        }
    };
    Ok(Transport { protocol, port })
}

impl LayerDecision {
    /// The same decision told as that of a lookup that came first.
    pub(super) fn as_lookup(&self) -> Self {
        match self.outcome {
            Outcome::Deny => Self::by_default(Outcome::Deny, DefaultReason::LookupRefused),
            _ => self.clone(),
        }
    }
}

/// Whose rule or default decided, in words.
pub(super) fn told(decision: &LayerDecision) -> String {
    decision.by.as_ref().map_or_else(String::new, ToString::to_string)
}
