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
pub(crate) fn values(attribute: &Attribute, request: &dyn Attributes) -> Vec<Value> {
    let text = |bytes: Read<Option<&[u8]>>| texts(bytes.expect("readable").map(<[u8]>::to_vec));
    let address =
        |ip: Read<Option<IpAddr>>| ip.expect("readable").into_iter().map(Value::Address).collect::<Vec<_>>();
    match attribute {
        Attribute::DestinationPort => {
            request.destination_port().expect("readable").into_iter().map(Value::Port).collect()
        }
        Attribute::Transport => vec![Value::Transport(request.transport().expect("readable"))],
        Attribute::Method => text(request.method()),
        Attribute::Host => texts(request.authority().expect("readable").map(<[u8]>::to_ascii_lowercase)),
        Attribute::Authority => text(request.authority()),
        Attribute::Path => texts(request.path().expect("readable").map(|path| {
            let mut kept = Vec::new();
            for byte in path {
                if *byte == b'?' || *byte == b'#' {
                    break;
                }
                kept.push(*byte);
            }
            kept
        })),
        Attribute::PathAndQuery => text(request.path()),
        Attribute::Header(name) => texts(collect(|visit| request.header(name, visit))),
        Attribute::ServerName => {
            texts([request.server_name().expect("readable").unwrap_or_default().to_vec()])
        }
        Attribute::Identity => texts(collect(|visit| request.identities(visit))),
        Attribute::SourceIp => address(request.source_ip()),
        Attribute::RemoteIp => address(request.remote_ip()),
        Attribute::DestinationIp => address(request.destination_ip()),
        Attribute::RequestPrincipal => {
            let claim =
                |name: &'static str| collect(|visit| request.claim(&[name.into()], Shape::Text, visit));
            vec![Value::Principal(claim("iss"), claim("sub"))]
        }
        Attribute::Claim(path) => texts(collect(|visit| request.claim(path, Shape::TextOrList, visit))),
        Attribute::Metadata { filter, key, shape } => {
            texts(collect(|visit| request.metadata(filter, key, *shape, visit)))
        }
        Attribute::PeerLabels => vec![Value::Labels(request.peer().expect("readable").labels.clone())],
        Attribute::PeerAddress => address(request.peer().map(|peer| peer.cidr)),
        Attribute::PeerName => {
            collect(|visit| request.peer_names(visit)).into_iter().map(Value::Name).collect()
        }
        Attribute::PortName => texts(collect(|visit| request.port_names(visit))),
        Attribute::DnsQuery => {
            let name = request.dns_query().expect("readable");
            name.into_iter().map(|name| Value::Name(name.to_vec())).collect()
        }
    }
}

fn texts(values: impl IntoIterator<Item = Vec<u8>>) -> Vec<Value> {
    values.into_iter().map(Value::Text).collect()
}

fn collect(read: impl FnOnce(Visit<'_>) -> Read<()>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    read(&mut |value| {
        all.push(value.to_vec());
        ControlFlow::Continue(())
    })
    .expect("readable");
    all
}
