//! The values of attributes, copied out of the request.

use core::{net::IpAddr, ops::ControlFlow};
use palisade::{
    Attributes, Labels, Read, Shape, Visit,
    ir::{AddressAttribute, HeaderName, NameAttribute, TextAttribute},
};

/// Returns the values of a text attribute. Hosts are in lower case.
pub(crate) fn texts(attribute: &TextAttribute, request: &dyn Attributes) -> Read<Vec<Vec<u8>>> {
    Ok(match attribute {
        TextAttribute::Method => list(request.method()?),
        TextAttribute::Host => request.authority()?.map(<[u8]>::to_ascii_lowercase).into_iter().collect(),
        TextAttribute::Authority => list(request.authority()?),
        TextAttribute::Path => {
            let up_to_query = |path: &[u8]| {
                let mut kept = Vec::new();
                for byte in path {
                    if *byte == b'?' || *byte == b'#' {
                        break;
                    }
                    kept.push(*byte);
                }
                kept
            };
            request.path()?.map(up_to_query).into_iter().collect()
        }
        TextAttribute::PathAndQuery => list(request.path()?),
        TextAttribute::Header(name) => collect(|visit| request.header(name, visit))?,
        TextAttribute::ServerName => vec![request.server_name()?.unwrap_or_default().to_vec()],
        TextAttribute::Identity => collect(|visit| request.identities(visit))?,
        TextAttribute::Claim(path) => collect(|visit| request.claim(path, Shape::TextOrList, visit))?,
        TextAttribute::Metadata { filter, key, shape } => {
            collect(|visit| request.metadata(filter, key, *shape, visit))?
        }
        TextAttribute::PortName => collect(|visit| request.port_names(visit))?,
    })
}

/// Returns the lines of a header, joined by commas; `None` if it is absent.
pub(crate) fn joined_header(name: &HeaderName, request: &dyn Attributes) -> Read<Option<Vec<u8>>> {
    let lines = collect(|visit| request.header(name, visit))?;
    Ok(if lines.is_empty() { None } else { Some(lines.join(&b","[..])) })
}

/// Returns the values of an address attribute.
pub(crate) fn addresses(attribute: AddressAttribute, request: &dyn Attributes) -> Read<Vec<IpAddr>> {
    Ok(match attribute {
        AddressAttribute::SourceIp => request.source_ip()?.into_iter().collect(),
        AddressAttribute::RemoteIp => request.remote_ip()?.into_iter().collect(),
        AddressAttribute::DestinationIp => request.destination_ip()?.into_iter().collect(),
        AddressAttribute::Peer => request.peer()?.addresses.to_vec(),
    })
}

/// Returns the values of a name attribute, in canonical form.
pub(crate) fn names(attribute: NameAttribute, request: &dyn Attributes) -> Read<Vec<Vec<u8>>> {
    Ok(match attribute {
        NameAttribute::ServerName => match request.server_name()? {
            Some(name) if !name.is_empty() && !name.ends_with(b".") && name.len() < 256 => {
                let mut name = name.to_ascii_lowercase();
                name.push(b'.');
                vec![name]
            }
            _ => Vec::new(),
        },
        NameAttribute::Peer => collect(|visit| request.peer_names(visit))?,
        NameAttribute::DnsQuery => list(request.dns_query()?),
    })
}

/// Returns the labels of the peer and, if an aggregate identity represents it, the empty set of labels.
pub(crate) fn labels(request: &dyn Attributes) -> Read<Vec<Labels>> {
    let peer = request.peer()?;
    let own = peer.labels.clone();
    Ok(if peer.aggregated { vec![own, Labels::default()] } else { vec![own] })
}

/// Returns the values of a claim that is a string.
pub(crate) fn claim(name: &'static str, request: &dyn Attributes) -> Read<Vec<Vec<u8>>> {
    collect(|visit| request.claim(&[name.into()], Shape::Text, visit))
}

fn list(value: Option<&[u8]>) -> Vec<Vec<u8>> {
    value.map(<[u8]>::to_vec).into_iter().collect()
}

fn collect(read: impl FnOnce(Visit<'_>) -> Read<()>) -> Read<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    read(&mut |value| {
        all.push(value.to_vec());
        ControlFlow::Continue(())
    })?;
    Ok(all)
}
