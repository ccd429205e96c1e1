//! A request with every attribute, for requests that tests construct.

use core::{net::IpAddr, ops::ControlFlow};
use palisade::{Attributes, ClaimName, Labels, Peer, Protocol, Read, Shape, Transport, Unavailable, Visit};
use serde_json::Value;

/// A request with all its attributes.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The method.
    pub method: Option<Vec<u8>>,
    /// The path.
    pub path: Option<Vec<u8>>,
    /// The authority.
    pub authority: Option<Vec<u8>>,
    /// The header lines.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The payload of the token.
    pub claims: Value,
    /// The dynamic metadata: filter, then key.
    pub metadata: Value,
    /// The identities of the client.
    pub identities: Vec<Vec<u8>>,
    /// The address of the connection.
    pub source_ip: Option<IpAddr>,
    /// The address of the client.
    pub remote_ip: Option<IpAddr>,
    /// The destination address.
    pub destination_ip: Option<IpAddr>,
    /// The destination port.
    pub destination_port: Option<u16>,
    /// The SNI.
    pub server_name: Option<Vec<u8>>,
    /// The protocol and the port.
    pub transport: Transport,
    /// The labels of the peer.
    pub labels: Labels,
    /// The addresses of the peer to which CIDR rules apply.
    pub addresses: Vec<IpAddr>,
    /// Whether an aggregate identity also represents the peer.
    pub aggregated: bool,
    /// The names of the peer in the DNS cache.
    pub names: Vec<Vec<u8>>,
    /// The names of the destination's port.
    pub port_names: Vec<Vec<u8>>,
    /// The name in a DNS lookup.
    pub query: Option<Vec<u8>>,
    /// The number of the unreadable attribute, as [`Self::with_one_of`] counts.
    pub unreadable: Option<usize>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            method: None,
            path: None,
            authority: None,
            headers: Vec::new(),
            claims: Value::Null,
            metadata: Value::Null,
            identities: Vec::new(),
            source_ip: None,
            remote_ip: None,
            destination_ip: None,
            destination_port: None,
            server_name: None,
            transport: Transport { protocol: Protocol::Tcp, port: 0 },
            labels: Labels::default(),
            addresses: Vec::new(),
            aggregated: false,
            names: Vec::new(),
            port_names: Vec::new(),
            query: None,
            unreadable: None,
        }
    }
}

impl Sample {
    /// The number of attributes that [`Self::with_one_of`] can change.
    pub const ATTRIBUTES: usize = 19;

    /// Returns an error if attribute number `which` is the unreadable one.
    fn read(&self, which: usize) -> Read<()> {
        if self.unreadable == Some(which) { Err(Unavailable) } else { Ok(()) }
    }

    /// Returns the request with attribute number `which` from `other`: a near miss.
    pub fn with_one_of(&self, other: &Self, which: usize) -> Self {
        let mut changed = self.clone();
        let other = other.clone();
        match which {
            0 => changed.method = other.method,
            1 => changed.path = other.path,
            2 => changed.authority = other.authority,
            3 => changed.headers = other.headers,
            4 => changed.claims = other.claims,
            5 => changed.metadata = other.metadata,
            6 => changed.identities = other.identities,
            7 => changed.source_ip = other.source_ip,
            8 => changed.remote_ip = other.remote_ip,
            9 => changed.destination_ip = other.destination_ip,
            10 => changed.destination_port = other.destination_port,
            11 => changed.server_name = other.server_name,
            12 => changed.transport = other.transport,
            13 => changed.labels = other.labels,
            14 => changed.addresses = other.addresses,
            15 => changed.names = other.names,
            16 => changed.port_names = other.port_names,
            17 => changed.aggregated = other.aggregated,
            _ => changed.query = other.query,
        }
        changed
    }
}

fn strings(value: Option<&Value>, shape: Shape, visit: Visit<'_>) -> Read<()> {
    let (text, list) = match value {
        Some(Value::String(text)) if shape != Shape::List => (Some(text), None),
        Some(Value::Array(items)) if shape != Shape::Text => (None, Some(items)),
        _ => (None, None),
    };
    let items = list.into_iter().flatten().filter_map(Value::as_str);
    for text in text.into_iter().map(String::as_str).chain(items) {
        if visit(text.as_bytes()).is_break() {
            break;
        }
    }
    Ok(())
}

fn each<'a>(values: impl IntoIterator<Item = &'a Vec<u8>>, visit: Visit<'_>) -> Read<()> {
    for value in values {
        if let ControlFlow::Break(()) = visit(value) {
            break;
        }
    }
    Ok(())
}

impl Attributes for Sample {
    fn method(&self) -> Read<Option<&[u8]>> {
        self.read(0)?;
        Ok(self.method.as_deref())
    }
    fn path(&self) -> Read<Option<&[u8]>> {
        self.read(1)?;
        Ok(self.path.as_deref())
    }
    fn authority(&self) -> Read<Option<&[u8]>> {
        self.read(2)?;
        Ok(self.authority.as_deref())
    }
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        self.read(3)?;
        each(self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value), visit)
    }
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.read(4)?;
        let mut found = Some(&self.claims);
        for name in path {
            found = found.and_then(Value::as_object).and_then(|fields| fields.get(&**name));
        }
        strings(found, shape, visit)
    }
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.read(5)?;
        strings(self.metadata.get(filter).and_then(|keys| keys.get(key)), shape, visit)
    }
    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        self.read(6)?;
        each(&self.identities, visit)
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        self.read(7)?;
        Ok(self.source_ip)
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        self.read(8)?;
        Ok(self.remote_ip)
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        self.read(9)?;
        Ok(self.destination_ip)
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        self.read(10)?;
        Ok(self.destination_port)
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        self.read(11)?;
        Ok(self.server_name.as_deref())
    }
    fn transport(&self) -> Read<Transport> {
        self.read(12)?;
        Ok(self.transport)
    }
    fn peer(&self) -> Read<Peer<'_>> {
        self.read(13)?;
        self.read(14)?;
        self.read(17)?;
        Ok(Peer { labels: &self.labels, addresses: &self.addresses, aggregated: self.aggregated })
    }
    fn peer_names(&self, visit: Visit<'_>) -> Read<()> {
        self.read(15)?;
        each(&self.names, visit)
    }
    fn port_names(&self, visit: Visit<'_>) -> Read<()> {
        self.read(16)?;
        each(&self.port_names, visit)
    }
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        self.read(18)?;
        Ok(self.query.as_deref())
    }
}
