//! Outbound traffic: the decision of Cilium's egress policies on the name in a request or a TLS handshake.
//!
//! Cilium's dataplane uses addresses, and the names that DNS answers give them. The filter uses the name that the client
//! states in `:authority` or as SNI. That name is reliable only if the proxy itself resolves it (a dynamic forward
//! proxy, a ServiceEntry) instead of forwarding to the address that the client chose. The filter treats every
//! destination as outside the cluster, because the proxy cannot map addresses to Pods.

use crate::policies::{Policies, StreamKind};
use core::{
    cell::OnceCell,
    net::{IpAddr, Ipv4Addr},
    ops::ControlFlow,
};
use palisade::{
    Attributes, ClaimName, Cluster, DecidedBy, Decision, DefaultReason, Direction, Labels, Layer,
    NetworkProgram, Options, Peer, Read, RuleTrace, Shape, Transport, Unavailable, Verdict, Visit, Workload,
    nearest_miss,
};

/// The egress policies of one workload.
#[derive(Debug)]
pub(crate) struct Egress {
    program: NetworkProgram,
    world: Labels,
}

impl Egress {
    /// Compiles the policies of `cluster` that select `workload`.
    pub(crate) fn compile(cluster: &Cluster, workload: &Workload, options: &Options) -> Self {
        Self {
            program: NetworkProgram::compile(cluster, workload, options),
            world: cluster.outside_identity(IpAddr::V4(Ipv4Addr::UNSPECIFIED), options),
        }
    }

    fn decide(&self, kind: StreamKind, stream: &dyn Attributes) -> Decision {
        let decision = self.program.decide(Direction::Egress, &Outgoing::new(self, kind, stream));
        let verdict = match decision.outcome.verdict() {
            Verdict::Allow => Verdict::Allow,
            _ => Verdict::Deny,
        };
        Decision {
            verdict,
            layer: Layer::CiliumEgress,
            by: decision.by.unwrap_or(DecidedBy::Default(DefaultReason::NoPolicy)),
            status: Some(403).filter(|_| verdict == Verdict::Deny && kind == StreamKind::Http),
            shadow: None,
        }
    }
}

impl Policies for Egress {
    fn request(&self, request: &dyn Attributes) -> Decision {
        self.decide(StreamKind::Http, request)
    }

    fn connection(&self, connection: &dyn Attributes) -> Decision {
        self.decide(StreamKind::Tcp, connection)
    }

    fn nearest_miss(&self, kind: StreamKind, stream: &dyn Attributes) -> Option<RuleTrace> {
        let traces = self.program.explain(Direction::Egress, &Outgoing::new(self, kind, stream));
        nearest_miss(&traces).cloned()
    }
}

/// An outbound stream with the destination that the client states.
struct Outgoing<'a> {
    stream: &'a dyn Attributes,
    kind: StreamKind,
    world: &'a Labels,
    target: OnceCell<Read<Target>>,
}

/// The destination that the client states.
struct Target {
    /// The name in lower case, with a final dot.
    name: Option<Vec<u8>>,
    address: Option<IpAddr>,
    port: u16,
}

impl<'a> Outgoing<'a> {
    fn new(egress: &'a Egress, kind: StreamKind, stream: &'a dyn Attributes) -> Self {
        Self { stream, kind, world: &egress.world, target: OnceCell::new() }
    }

    fn target(&self) -> Read<&Target> {
        let read = || {
            let port = self.stream.destination_port()?.ok_or(Unavailable)?;
            let address = self.stream.destination_ip()?;
            let stated = match self.kind {
                StreamKind::Http => self.stream.authority()?,
                StreamKind::Tcp => self.stream.server_name()?,
            };
            Ok(Target::new(stated.unwrap_or_default(), address, port))
        };
        self.target.get_or_init(read).as_ref().map_err(|unavailable| *unavailable)
    }
}

impl Target {
    fn new(stated: &[u8], address: Option<IpAddr>, port: u16) -> Self {
        let (host, stated_port) = split_port(stated);
        let text = core::str::from_utf8(host).unwrap_or_default();
        let literal: Option<IpAddr> = text.trim_start_matches('[').trim_end_matches(']').parse().ok();
        let name = match (host, literal) {
            (b"", _) | (_, Some(_)) => None,
            (host, None) => {
                let mut name = host.to_ascii_lowercase();
                if !name.ends_with(b".") {
                    name.push(b'.');
                }
                Some(name)
            }
        };
        // A loopback address is one of the proxy, not the destination of the stream.
        let address = literal.or(address.filter(|_| host.is_empty())).filter(|ip| !ip.is_loopback());
        Self { name, address, port: stated_port.unwrap_or(port) }
    }
}

/// Splits `host:port`. A colon inside brackets, or before text that is not a port, belongs to the host.
fn split_port(authority: &[u8]) -> (&[u8], Option<u16>) {
    let Some(colon) = authority.iter().rposition(|byte| *byte == b':') else { return (authority, None) };
    let Some((host, port)) = authority.split_at_checked(colon) else { return (authority, None) };
    let port = core::str::from_utf8(port.get(1..).unwrap_or_default()).ok();
    let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    match port.and_then(|port| port.parse().ok()) {
        Some(port) if host.ends_with(b"]") || !host.contains(&b':') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl Attributes for Outgoing<'_> {
    fn method(&self) -> Read<Option<&[u8]>> {
        match self.kind {
            StreamKind::Http => self.stream.method(),
            StreamKind::Tcp => Ok(None),
        }
    }
    fn path(&self) -> Read<Option<&[u8]>> {
        self.stream.path()
    }
    fn authority(&self) -> Read<Option<&[u8]>> {
        self.stream.authority()
    }
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        self.stream.header(name, visit)
    }
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.stream.claim(path, shape, visit)
    }
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.stream.metadata(filter, key, shape, visit)
    }
    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        self.stream.identities(visit)
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        self.stream.source_ip()
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        self.stream.remote_ip()
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        self.stream.destination_ip()
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        self.stream.destination_port()
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        self.stream.server_name()
    }
    fn transport(&self) -> Read<Transport> {
        Ok(Transport { port: self.target()?.port, ..self.stream.transport()? })
    }
    fn peer(&self) -> Read<Peer<'_>> {
        Ok(Peer { labels: self.world, addresses: self.target()?.address.as_slice(), aggregated: false })
    }
    fn peer_names(&self, visit: Visit<'_>) -> Read<()> {
        if let Some(name) = &self.target()?.name {
            let _: ControlFlow<()> = visit(name);
        }
        Ok(())
    }
    fn port_names(&self, _: Visit<'_>) -> Read<()> {
        Ok(())
    }
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(authority: &str) -> (Option<String>, Option<IpAddr>, u16) {
        let Target { name, address, port } =
            Target::new(authority.as_bytes(), Some([203, 0, 113, 7].into()), 15001);
        (name.map(|name| String::from_utf8(name).unwrap()), address, port)
    }

    #[test]
    fn target_has_the_name_and_port_of_the_authority() {
        assert_eq!(target("WWW.Example.com"), (Some("www.example.com.".into()), None, 15001));
        assert_eq!(target("www.example.com.:443"), (Some("www.example.com.".into()), None, 443));
        assert_eq!(target("www.example.com:99999"), (Some("www.example.com:99999.".into()), None, 15001));
    }

    #[test]
    fn address_literal_is_not_a_name() {
        assert_eq!(target("198.51.100.1:80"), (None, Some([198, 51, 100, 1].into()), 80));
        assert_eq!(target("[2001:db8::1]:443"), (None, Some("2001:db8::1".parse().unwrap()), 443));
        assert_eq!(target("2001:db8::1"), (None, Some("2001:db8::1".parse().unwrap()), 15001));
        assert_eq!(target("127.0.0.1"), (None, None, 15001));
    }

    #[test]
    fn target_without_name_has_the_address_of_the_connection() {
        assert_eq!(target(""), (None, Some([203, 0, 113, 7].into()), 15001));
    }
}
