//! A request being decided: its attributes by name, and whether one of them is matched.

use super::{intern::Matcher, step::Kind};
use crate::{
    ir::{Attribute, Text},
    matcher::{case::CaseSensitivity, collation::Collation, search::find_first, text},
    request::{Attributes, ClaimName, Read, Shape, Visit},
};
use core::{cell::OnceCell, net::IpAddr, ops::ControlFlow};

const ISSUER: [ClaimName; 1] = [ClaimName::Borrowed("iss")];
const SUBJECT: [ClaimName; 1] = [ClaimName::Borrowed("sub")];

/// A request being decided.
#[derive(Debug)]
pub(crate) struct Context<'a, A: ?Sized> {
    pub(super) request: &'a A,
    /// The path without its query, once somebody asked for it.
    path: OnceCell<Option<&'a [u8]>>,
}

impl<'a, A: Attributes + ?Sized> Context<'a, A> {
    /// Nothing of `request` read yet.
    pub(crate) fn new(request: &'a A) -> Self {
        Self { request, path: OnceCell::new() }
    }

    /// Whether some value of `attribute` compares with `literal` as `kind` says.
    #[inline]
    pub(super) fn compares(&self, attribute: &Attribute, kind: Kind, literal: &[u8]) -> Read<bool> {
        if matches!(kind, Kind::PathExact | Kind::PathPrefix) {
            return Ok(self
                .request
                .path()?
                .is_some_and(|path| kind.matches(CaseSensitivity::Sensitive, path, literal)));
        }
        let case = Collation::of(attribute).case;
        let mut found = false;
        match self.single(attribute)? {
            Some(value) => Ok(value.is_some_and(|value| kind.matches(case, value, literal))),
            None => {
                self.each(attribute, &mut |value| {
                    found = kind.matches(case, value, literal);
                    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                Ok(found)
            }
        }
    }

    /// Whether some value of `attribute` is matched by `matcher`.
    pub(super) fn matches(&self, attribute: &Attribute, matcher: &Matcher) -> Read<bool> {
        let request = self.request;
        let mut found = false;
        let mut check = |held: bool| {
            found |= held;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match matcher {
            Matcher::Text(set) => self.texts(attribute, &mut |value| check(set.matches(value)))?,
            Matcher::RequestPrincipals(pairs) => return self.request_principal(pairs),
            Matcher::Cidrs(set) => {
                found = self.addresses(attribute, &mut None)?.iter().any(|address| set.contains(*address));
            }
            Matcher::Ports(ranges) => {
                found = request
                    .destination_port()?
                    .is_some_and(|port| ranges.iter().any(|(first, last)| (*first..=*last).contains(&port)));
            }
            Matcher::Transports(ranges) => {
                let flow = request.transport()?;
                found = ranges.iter().any(|(protocol, first, last)| {
                    *protocol == flow.protocol && (*first..=*last).contains(&flow.port)
                });
            }
            Matcher::Labels(selectors) => {
                let peer = request.peer()?;
                found =
                    selectors.iter().any(|s| s.matches(peer.labels) || (peer.aggregated && s.is_negative()));
            }
            Matcher::Regexes(list, set) => self.texts(attribute, &mut |value| {
                check(list.iter().any(|r| r.is_match(value)) || set.matches(value))
            })?,
            Matcher::Joined(list) => return self.joined(attribute, list),
            Matcher::Names(set) => match attribute {
                Attribute::ServerDnsName => {
                    found =
                        request.server_name()?.is_some_and(|name| with_final_dot(name, |n| set.matches(n)));
                }
                Attribute::PeerName => request.peer_names(&mut |name| check(set.matches(name)))?,
                _ => found = request.dns_query()?.is_some_and(|name| set.matches(name)),
            },
        }
        Ok(found)
    }

    /// Whether a header's lines, with commas between them, are one of `list`. Nothing is put together.
    fn joined(&self, attribute: &Attribute, list: &[Text]) -> Read<bool> {
        let Attribute::JoinedHeader(name) = attribute else { return Ok(false) };
        for text in list {
            let wanted = match text {
                Text::Exact(wanted) => Some(wanted.as_bytes()),
                _ => None,
            };
            let (mut rest, mut lines) = (wanted, 0u32);
            self.request.header(name, &mut |line| {
                let left = rest.and_then(|r| if lines > 0 { r.strip_prefix(b",") } else { Some(r) });
                rest = left.and_then(|r| r.strip_prefix(line));
                lines += 1;
                ControlFlow::Continue(())
            })?;
            let matched = match text {
                Text::Present => true,
                _ => rest.is_some_and(<[u8]>::is_empty),
            };
            if lines > 0 && matched {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn request_principal(&self, pairs: &[(Text, Text)]) -> Read<bool> {
        for (issuer, subject) in pairs {
            if self.claim_is(&ISSUER, issuer)? && self.claim_is(&SUBJECT, subject)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn claim_is(&self, path: &[ClaimName], pattern: &Text) -> Read<bool> {
        let mut found = false;
        self.request.claim(path, Shape::Text, &mut |value| {
            found |= text::matches_one(pattern, CaseSensitivity::Sensitive, value);
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// The addresses that `attribute` names. One that is read by itself is put in `place`.
    pub(super) fn addresses<'s>(
        &self,
        attribute: &Attribute,
        place: &'s mut Option<IpAddr>,
    ) -> Read<&'s [IpAddr]>
    where
        'a: 's,
    {
        let request = self.request;
        *place = match attribute {
            Attribute::SourceIp => request.source_ip()?,
            Attribute::RemoteIp => request.remote_ip()?,
            Attribute::DestinationIp => request.destination_ip()?,
            _ => return Ok(request.peer()?.addresses),
        };
        Ok(place.as_slice())
    }

    /// Visits the text values of `attribute`.
    pub(crate) fn texts(&self, attribute: &Attribute, visit: Visit<'_>) -> Read<()> {
        match self.single(attribute)? {
            Some(Some(value)) => {
                let _ = visit(value);
                Ok(())
            }
            Some(None) => Ok(()),
            None => self.each(attribute, visit),
        }
    }

    /// The value of an attribute that has at most one; none at all where it may have several.
    #[inline]
    pub(super) fn single(&self, attribute: &Attribute) -> Read<Option<Option<&'a [u8]>>> {
        let request = self.request;
        Ok(Some(match attribute {
            Attribute::Method => request.method()?,
            Attribute::Host | Attribute::Authority => request.authority()?,
            Attribute::Path => self.path()?,
            Attribute::PathAndQuery => request.path()?,
            Attribute::ServerName => Some(request.server_name()?.unwrap_or_default()),
            Attribute::Identity => match request.only_identity()? {
                Some(identity) => Some(identity),
                None => return Ok(None),
            },
            _ => return Ok(None),
        }))
    }

    /// `:path` up to the first `?` or `#` (docs/semantics/istio.md#istio-path-input).
    #[inline]
    fn path(&self) -> Read<Option<&'a [u8]>> {
        if let Some(path) = self.path.get() {
            return Ok(*path);
        }
        let path = self
            .request
            .path()?
            .map(|path| find_first(path, *b"?#").and_then(|at| path.get(..at)).unwrap_or(path));
        Ok(*self.path.get_or_init(|| path))
    }

    /// Visits the values of an attribute that may have several.
    pub(super) fn each(&self, attribute: &Attribute, visit: Visit<'_>) -> Read<()> {
        let request = self.request;
        match attribute {
            Attribute::Header(name) | Attribute::JoinedHeader(name) => request.header(name, visit),
            Attribute::Identity => request.identities(visit),
            Attribute::PortName => request.port_names(visit),
            Attribute::Claim(path) => request.claim(path, Shape::TextOrList, visit),
            Attribute::Metadata { filter, key, shape } => request.metadata(filter, key, *shape, visit),
            _ => Ok(()),
        }
    }
}

/// Calls `ask` with a server name in the canonical form of DNS names. An empty name, one with a final dot and one longer
/// than DNS allows are no names.
fn with_final_dot(name: &[u8], ask: impl FnOnce(&[u8]) -> bool) -> bool {
    let mut buffer = [b'.'; 256];
    if name.is_empty() || name.ends_with(b".") {
        return false;
    }
    let Some((text, _)) = buffer.split_at_mut_checked(name.len()) else { return false };
    text.copy_from_slice(name);
    text.make_ascii_lowercase();
    buffer.get(..=name.len()).is_some_and(ask)
}
