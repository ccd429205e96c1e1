//! A request during a decision: reads attributes and compares them with operands.

use super::{
    instruction::TextOp,
    matcher::Matcher,
    methods::{MethodSet, Methods},
};
use crate::{
    ir::{
        AddressAttribute, HeaderName, HeaderPattern, NameAttribute, RequestPrincipalPattern, Text,
        TextAttribute,
    },
    matcher::{case::CaseSensitivity, collation::Collation, search::find_first, text},
    request::{Attributes, ClaimName, Read, Shape, Visit},
};
use core::{cell::OnceCell, net::IpAddr, ops::ControlFlow};

const ISSUER: [ClaimName; 1] = [ClaimName::Borrowed("iss")];
const SUBJECT: [ClaimName; 1] = [ClaimName::Borrowed("sub")];

/// A request during a decision.
#[derive(Debug)]
pub(crate) struct Context<'a, A: ?Sized> {
    pub(super) request: &'a A,
    /// The path without its query, stored at the first use.
    path: OnceCell<Option<&'a [u8]>>,
}

impl<'a, A: Attributes + ?Sized> Context<'a, A> {
    /// Returns a context of `request`, of which nothing is read yet.
    pub(crate) fn new(request: &'a A) -> Self {
        Self { request, path: OnceCell::new() }
    }

    /// Returns the set of the request's method. If no rule names a method, the method is not read.
    #[inline]
    pub(super) fn method_set(&self, methods: &Methods) -> Read<MethodSet> {
        if methods.is_empty() { Ok(MethodSet::ANY) } else { Ok(methods.of(self.request.method()?)) }
    }

    /// Returns whether `op` matches a value of `attribute` and `literal`.
    #[inline]
    pub(super) fn compares(&self, attribute: &TextAttribute, op: TextOp, literal: &[u8]) -> Read<bool> {
        if matches!(op, TextOp::PathExact | TextOp::PathPrefix) {
            return Ok(self
                .request
                .path()?
                .is_some_and(|path| op.matches(CaseSensitivity::Sensitive, path, literal)));
        }
        let case = Collation::of(attribute).case;
        let mut found = false;
        match self.single(attribute)? {
            TextValue::Single(value) => Ok(value.is_some_and(|value| op.matches(case, value, literal))),
            TextValue::Multiple => {
                self.each(attribute, &mut |value| {
                    found = op.matches(case, value, literal);
                    if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                })?;
                Ok(found)
            }
        }
    }

    /// Returns whether `matcher` matches a value of its attribute.
    pub(super) fn matches(&self, matcher: &Matcher) -> Read<bool> {
        let request = self.request;
        let mut found = false;
        let mut check = |matched: bool| {
            found |= matched;
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match matcher {
            Matcher::Text(attribute, set) => self.texts(attribute, &mut |value| check(set.matches(value)))?,
            Matcher::Regexes(attribute, list) => {
                self.texts(attribute, &mut |value| check(list.iter().any(|r| r.is_match(value))))?;
            }
            Matcher::JoinedHeader(name, patterns) => return self.joined(name, patterns),
            Matcher::Ports(ranges) => {
                let port = request.destination_port()?;
                found = port.is_some_and(|port| ranges.iter().any(|range| range.contains(port)));
            }
            Matcher::Transports(ranges) => {
                let flow = request.transport()?;
                found = ranges.iter().any(|r| r.protocol == flow.protocol && r.ports.contains(flow.port));
            }
            Matcher::Cidrs(attribute, set) => {
                found = self.addresses(*attribute, &mut None)?.iter().any(|address| set.contains(*address));
            }
            Matcher::RequestPrincipals(patterns) => return self.request_principal(patterns),
            Matcher::Labels(selectors) => {
                let peer = request.peer()?;
                found =
                    selectors.iter().any(|s| s.matches(peer.labels) || (peer.aggregated && s.is_negative()));
            }
            Matcher::Names(attribute, set) => match attribute {
                NameAttribute::ServerName => {
                    found =
                        request.server_name()?.is_some_and(|name| with_final_dot(name, |n| set.matches(n)));
                }
                NameAttribute::Peer => request.peer_names(&mut |name| check(set.matches(name)))?,
                NameAttribute::DnsQuery => {
                    found = request.dns_query()?.is_some_and(|name| set.matches(name));
                }
            },
        }
        Ok(found)
    }

    /// Returns whether the lines of header `name`, joined by commas, match one of `patterns`. The lines are not copied.
    fn joined(&self, name: &HeaderName, patterns: &[HeaderPattern]) -> Read<bool> {
        for pattern in patterns {
            let exact = match pattern {
                HeaderPattern::Exact(text) => Some(text.as_bytes()),
                HeaderPattern::Present => None,
            };
            let (mut rest, mut lines) = (exact, 0u32);
            self.request.header(name, &mut |line| {
                let left = rest.and_then(|r| if lines > 0 { r.strip_prefix(b",") } else { Some(r) });
                rest = left.and_then(|r| r.strip_prefix(line));
                lines += 1;
                ControlFlow::Continue(())
            })?;
            let matched = exact.is_none() || rest.is_some_and(<[u8]>::is_empty);
            if lines > 0 && matched {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn request_principal(&self, patterns: &[RequestPrincipalPattern]) -> Read<bool> {
        for RequestPrincipalPattern { issuer, subject } in patterns {
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

    /// Returns the addresses of `attribute`. An address that the request returns by value is stored in `place`.
    pub(super) fn addresses<'s>(
        &self,
        attribute: AddressAttribute,
        place: &'s mut Option<IpAddr>,
    ) -> Read<&'s [IpAddr]>
    where
        'a: 's,
    {
        let request = self.request;
        *place = match attribute {
            AddressAttribute::SourceIp => request.source_ip()?,
            AddressAttribute::RemoteIp => request.remote_ip()?,
            AddressAttribute::DestinationIp => request.destination_ip()?,
            AddressAttribute::Peer => return Ok(request.peer()?.addresses),
        };
        Ok(place.as_slice())
    }

    /// Calls `visit` with the values of `attribute`.
    pub(crate) fn texts(&self, attribute: &TextAttribute, visit: Visit<'_>) -> Read<()> {
        match self.single(attribute)? {
            TextValue::Single(Some(value)) => {
                let _ = visit(value);
                Ok(())
            }
            TextValue::Single(None) => Ok(()),
            TextValue::Multiple => self.each(attribute, visit),
        }
    }

    /// Returns the value of an attribute that has at most one value.
    #[inline]
    pub(super) fn single(&self, attribute: &TextAttribute) -> Read<TextValue<'a>> {
        let request = self.request;
        Ok(TextValue::Single(match attribute {
            TextAttribute::Method => request.method()?,
            TextAttribute::Host | TextAttribute::Authority => request.authority()?,
            TextAttribute::Path => self.path()?,
            TextAttribute::PathAndQuery => request.path()?,
            TextAttribute::ServerName => Some(request.server_name()?.unwrap_or_default()),
            TextAttribute::Identity => match request.only_identity()? {
                Some(identity) => Some(identity),
                None => return Ok(TextValue::Multiple),
            },
            TextAttribute::Header(_)
            | TextAttribute::Claim(_)
            | TextAttribute::Metadata { .. }
            | TextAttribute::PortName => return Ok(TextValue::Multiple),
        }))
    }

    /// Returns `:path` up to the first `?` or `#` (docs/semantics/istio.md#istio-path-input).
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

    /// Calls `visit` with the values of an attribute for which [`Self::single`] returns [`TextValue::Multiple`].
    pub(super) fn each(&self, attribute: &TextAttribute, visit: Visit<'_>) -> Read<()> {
        let request = self.request;
        match attribute {
            TextAttribute::Header(name) => request.header(name, visit),
            TextAttribute::Identity => request.identities(visit),
            TextAttribute::PortName => request.port_names(visit),
            TextAttribute::Claim(path) => request.claim(path, Shape::TextOrList, visit),
            TextAttribute::Metadata { filter, key, shape } => request.metadata(filter, key, *shape, visit),
            TextAttribute::Method
            | TextAttribute::Host
            | TextAttribute::Authority
            | TextAttribute::Path
            | TextAttribute::PathAndQuery
            | TextAttribute::ServerName => Ok(()),
        }
    }
}

/// The values of a text attribute.
#[derive(Debug)]
pub(super) enum TextValue<'a> {
    /// At most one value.
    Single(Option<&'a [u8]>),
    /// Any number of values, which [`Context::each`] visits.
    Multiple,
}

/// Calls `matches` with a server name in the canonical form of DNS names. An empty name, a name with a final dot and a
/// name longer than DNS allows match nothing.
fn with_final_dot(name: &[u8], matches: impl FnOnce(&[u8]) -> bool) -> bool {
    let mut buffer = [b'.'; 256];
    if name.is_empty() || name.ends_with(b".") {
        return false;
    }
    let Some((text, _)) = buffer.split_at_mut_checked(name.len()) else { return false };
    text.copy_from_slice(name);
    text.make_ascii_lowercase();
    buffer.get(..=name.len()).is_some_and(matches)
}
