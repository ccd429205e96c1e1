//! Away from the workload: what its Cilium egress policies say of the name that a request or a TLS handshake gives.
//!
//! Cilium's datapath knows addresses, and the names that DNS taught for them. A proxy knows the name that the client
//! itself claims, in `:authority` or as SNI. That is a promise only where the proxy also connects to what that name
//! stands for (a dynamic forward proxy, a ServiceEntry), and not to whatever address the client chose. Every
//! destination is taken for one outside of the cluster: the proxy cannot tell which pod an address is.

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

/// A stream on its way out.
struct Outgoing<'a> {
    stream: &'a dyn Attributes,
    kind: StreamKind,
    world: &'a Labels,
    target: OnceCell<Read<Target>>,
}

/// Where the client says that it goes.
struct Target {
    /// Lower case, with a final dot.
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
            let said = match self.kind {
                StreamKind::Http => self.stream.authority()?,
                StreamKind::Tcp => self.stream.server_name()?,
            };
            Ok(Target::new(said.unwrap_or_default(), address, port))
        };
        self.target.get_or_init(read).as_ref().map_err(|unavailable| *unavailable)
    }
}

impl Target {
    fn new(said: &[u8], address: Option<IpAddr>, port: u16) -> Self {
        let (host, said_port) = split_port(said);
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
        // An address of the proxy's own says nothing of where the stream goes.
        let address = literal.or(address.filter(|_| host.is_empty())).filter(|ip| !ip.is_loopback());
        Self { name, address, port: said_port.unwrap_or(port) }
    }
}

/// `host:port`; a colon inside brackets or followed by anything but a port is the host's.
fn split_port(said: &[u8]) -> (&[u8], Option<u16>) {
    let Some(colon) = said.iter().rposition(|byte| *byte == b':') else { return (said, None) };
    let Some((host, port)) = said.split_at_checked(colon) else { return (said, None) };
    let port = core::str::from_utf8(port.get(1..).unwrap_or_default()).ok();
    let port = port.filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    match port.and_then(|port| port.parse().ok()) {
        Some(port) if host.ends_with(b"]") || !host.contains(&b':') => (host, Some(port)),
        _ => (said, None),
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

    fn target(said: &str) -> (Option<String>, Option<IpAddr>, u16) {
        let Target { name, address, port } =
            Target::new(said.as_bytes(), Some([203, 0, 113, 7].into()), 15001);
        (name.map(|name| String::from_utf8(name).unwrap()), address, port)
    }

    #[test]
    fn the_name_and_the_port_are_those_that_the_client_says() {
        assert_eq!(target("WWW.Example.com"), (Some("www.example.com.".into()), None, 15001));
        assert_eq!(target("www.example.com.:443"), (Some("www.example.com.".into()), None, 443));
        assert_eq!(target("www.example.com:99999"), (Some("www.example.com:99999.".into()), None, 15001));
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(target("198.51.100.1:80"), (None, Some([198, 51, 100, 1].into()), 80));
        assert_eq!(target("[2001:db8::1]:443"), (None, Some("2001:db8::1".parse().unwrap()), 443));
        assert_eq!(target("2001:db8::1"), (None, Some("2001:db8::1".parse().unwrap()), 15001));
        assert_eq!(target("127.0.0.1"), (None, None, 15001));
    }

    #[test]
    fn without_a_name_the_address_of_the_connection_counts() {
        assert_eq!(target(""), (None, Some([203, 0, 113, 7].into()), 15001));
    }
}
