//! The values of an attribute, copied out of the request.

use core::{net::IpAddr, ops::ControlFlow};
use palisade::{Attributes, Labels, Read, Shape, Transport, Visit, ir::Attribute};

/// A value that a pattern can be held against.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Bytes of any attribute that is text; hosts are lower case already.
    Text(Vec<u8>),
    /// A DNS name.
    Name(Vec<u8>),
    /// A port of the connection.
    Port(u16),
    /// Protocol and port of the flow.
    Transport(Transport),
    /// An address.
    Address(IpAddr),
    /// An identity of the other end.
    Labels(Labels),
    /// All issuers and all subjects of the token (one each, in practice).
    Principal(Vec<Vec<u8>>, Vec<Vec<u8>>),
}

/// Every value of `attribute`; none when it is absent.
pub(crate) fn values(attribute: &Attribute, request: &dyn Attributes) -> Read<Vec<Value>> {
    Ok(match attribute {
        Attribute::DestinationPort => request.destination_port()?.into_iter().map(Value::Port).collect(),
        Attribute::Transport => vec![Value::Transport(request.transport()?)],
        Attribute::Method => text(request.method()?),
        Attribute::Host => texts(request.authority()?.map(<[u8]>::to_ascii_lowercase)),
        Attribute::Authority => text(request.authority()?),
        Attribute::Path => texts(request.path()?.map(|path| {
            let mut kept = Vec::new();
            for byte in path {
                if *byte == b'?' || *byte == b'#' {
                    break;
                }
                kept.push(*byte);
            }
            kept
        })),
        Attribute::PathAndQuery => text(request.path()?),
        Attribute::Header(name) => texts(collect(|visit| request.header(name, visit))?),
        Attribute::JoinedHeader(name) => {
            let lines = collect(|visit| request.header(name, visit))?;
            if lines.is_empty() { Vec::new() } else { texts([lines.join(&b","[..])]) }
        }
        Attribute::ServerDnsName => match request.server_name()? {
            Some(name) if !name.is_empty() && !name.ends_with(b".") && name.len() < 256 => {
                let mut name = name.to_ascii_lowercase();
                name.push(b'.');
                names([name])
            }
            _ => Vec::new(),
        },
        Attribute::ServerName => texts([request.server_name()?.unwrap_or_default().to_vec()]),
        Attribute::Identity => texts(collect(|visit| request.identities(visit))?),
        Attribute::SourceIp => address(request.source_ip()?),
        Attribute::RemoteIp => address(request.remote_ip()?),
        Attribute::DestinationIp => address(request.destination_ip()?),
        Attribute::RequestPrincipal => {
            let claim =
                |name: &'static str| collect(|visit| request.claim(&[name.into()], Shape::Text, visit));
            vec![Value::Principal(claim("iss")?, claim("sub")?)]
        }
        Attribute::Claim(path) => texts(collect(|visit| request.claim(path, Shape::TextOrList, visit))?),
        Attribute::Metadata { filter, key, shape } => {
            texts(collect(|visit| request.metadata(filter, key, *shape, visit))?)
        }
        Attribute::PeerLabels => {
            let peer = request.peer()?;
            let own = Value::Labels(peer.labels.clone());
            // The aggregate identity has no labels at all.
            if peer.aggregated { vec![own, Value::Labels(Labels::default())] } else { vec![own] }
        }
        Attribute::PeerAddress => request.peer()?.addresses.iter().copied().map(Value::Address).collect(),
        Attribute::PeerName => names(collect(|visit| request.peer_names(visit))?),
        Attribute::PortName => texts(collect(|visit| request.port_names(visit))?),
        Attribute::DnsQuery => names(request.dns_query()?.map(<[u8]>::to_vec)),
    })
}

fn text(value: Option<&[u8]>) -> Vec<Value> {
    texts(value.map(<[u8]>::to_vec))
}

fn texts(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Value> {
    values.into_iter().map(Value::Text).collect()
}

fn names(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Value> {
    values.into_iter().map(Value::Name).collect()
}

fn address(ip: Option<IpAddr>) -> Vec<Value> {
    ip.into_iter().map(Value::Address).collect()
}

fn collect(read: impl FnOnce(Visit<'_>) -> Read<()>) -> Read<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    read(&mut |value| {
        all.push(value.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(all)
}
