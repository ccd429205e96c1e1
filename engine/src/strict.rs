//! The profile `strict`: a request passes only if it passes as Envoy sees it and as a careful reader would.
//!
//! Each [`View`] is a second reading of the same request in which a documented trap is closed. A decision asks the
//! compiled policies once per view and keeps the first that does not allow, so strict is never more permissive than
//! compat. Only [`View::Joined`] allocates, and only where a header is repeated.

use crate::{
    http::is_inline,
    net::Transport,
    request::{Attributes, ClaimName, Peer, Read, Shape, Unavailable, Visit},
};
use alloc::vec::Vec;
use core::{net::IpAddr, ops::ControlFlow};

/// A careful reading of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Every header line, and every element of a header that Envoy joins, is a value of its own.
    Split,
    /// Repeated lines are one value, joined with commas.
    Joined,
}

impl View {
    /// The readings beside Envoy's own.
    pub(crate) const ALL: [Self; 2] = [Self::Split, Self::Joined];
}

/// A request, read carefully.
#[derive(Debug)]
pub(crate) struct Strict<'a, A: ?Sized> {
    pub(crate) request: &'a A,
    pub(crate) view: View,
}

/// Without blanks at either end, which HTTP/2 lets through and HTTP/1 does not.
fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Whether `identity` is `spiffe://TD/ns/NS/sa/SA` and nothing more.
fn is_workload_identity(identity: &[u8]) -> bool {
    let Some(rest) = identity.strip_prefix(b"spiffe://") else { return false };
    let mut parts = rest.split(|b| *b == b'/');
    let mut named = |name: Option<&[u8]>| {
        parts.next().is_some_and(|part| !part.is_empty() && name.is_none_or(|name| name == part))
    };
    let all = named(None) && named(Some(b"ns")) && named(None) && named(Some(b"sa")) && named(None);
    all && parts.next().is_none()
}

impl<A: Attributes + ?Sized> Attributes for Strict<'_, A> {
    fn method(&self) -> Read<Option<&[u8]>> {
        self.request.method()
    }
    fn path(&self) -> Read<Option<&[u8]>> {
        self.request.path()
    }
    /// Without the root dot of a host name, which the same server answers to.
    fn authority(&self) -> Read<Option<&[u8]>> {
        Ok(self.request.authority()?.map(|host| host.strip_suffix(b".").unwrap_or(host)))
    }
    fn header(&self, name: &str, visit: Visit<'_>) -> Read<()> {
        match self.view {
            View::Split => self.request.header(name, &mut |value| {
                if is_inline(name) {
                    value.split(|b| *b == b',').try_for_each(|element| visit(trim(element)))
                } else {
                    visit(trim(value))
                }
            }),
            View::Joined => {
                let mut joined = Vec::new();
                let mut lines = 0;
                self.request.header(name, &mut |value| {
                    if lines > 0 {
                        joined.push(b',');
                    }
                    joined.extend_from_slice(trim(value));
                    lines += 1;
                    ControlFlow::Continue(())
                })?;
                if lines > 0 {
                    let _ = visit(&joined);
                }
                Ok(())
            }
        }
    }
    fn claim(&self, path: &[ClaimName], shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.request.claim(path, shape, visit)
    }
    fn metadata(&self, filter: &str, key: &str, shape: Shape, visit: Visit<'_>) -> Read<()> {
        self.request.metadata(filter, key, shape, visit)
    }
    /// The one SPIFFE identity of the certificate. A certificate with none, several or a malformed one is no
    /// certificate that can be judged.
    fn identities(&self, visit: Visit<'_>) -> Read<()> {
        let (mut any, mut found, mut sound) = (false, 0usize, true);
        self.request.identities(&mut |identity| {
            any = true;
            if identity.starts_with(b"spiffe://") {
                found += 1;
                sound &= is_workload_identity(identity);
            }
            ControlFlow::Continue(())
        })?;
        match (any, found, sound) {
            (false, ..) => Ok(()),
            (true, 1, true) => self.request.identities(&mut |identity| {
                if identity.starts_with(b"spiffe://") { visit(identity) } else { ControlFlow::Continue(()) }
            }),
            _ => Err(Unavailable),
        }
    }
    fn source_ip(&self) -> Read<Option<IpAddr>> {
        Ok(self.request.source_ip()?.map(|ip| ip.to_canonical()))
    }
    fn remote_ip(&self) -> Read<Option<IpAddr>> {
        Ok(self.request.remote_ip()?.map(|ip| ip.to_canonical()))
    }
    fn destination_ip(&self) -> Read<Option<IpAddr>> {
        Ok(self.request.destination_ip()?.map(|ip| ip.to_canonical()))
    }
    fn destination_port(&self) -> Read<Option<u16>> {
        self.request.destination_port()
    }
    fn server_name(&self) -> Read<Option<&[u8]>> {
        self.request.server_name()
    }
    fn transport(&self) -> Read<Transport> {
        self.request.transport()
    }
    fn peer(&self) -> Read<Peer<'_>> {
        self.request.peer()
    }
    fn peer_names(&self, visit: Visit<'_>) -> Read<()> {
        self.request.peer_names(visit)
    }
    fn dns_query(&self) -> Read<Option<&[u8]>> {
        self.request.dns_query()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Request;
    use alloc::{string::String, vec};

    fn values(request: &Request<'_>, view: View, name: &str) -> Vec<String> {
        let mut out = vec![];
        let strict = Strict { request, view };
        strict
            .header(name, &mut |v| {
                out.push(String::from_utf8_lossy(v).into_owned());
                ControlFlow::Continue(())
            })
            .unwrap();
        out
    }

    #[test]
    fn headers_are_read_one_by_one_and_joined() {
        let headers: [(&str, &[u8]); 3] =
            [("x-role", b" user"), ("x-role", b"admin"), ("user-agent", b"a,b")];
        let request = Request { headers: &headers, ..Request::default() };
        assert_eq!(values(&request, View::Split, "x-role"), ["user", "admin"]);
        assert_eq!(values(&request, View::Joined, "x-role"), ["user,admin"]);
        assert_eq!(values(&request, View::Split, "user-agent"), ["a", "b"]);
        assert!(values(&request, View::Joined, "x-none").is_empty());
    }

    #[test]
    fn only_one_whole_spiffe_identity_counts() {
        let read = |identities: &[&[u8]]| {
            let request = Request { identities, ..Request::default() };
            let mut seen = 0;
            let strict = Strict { request: &request, view: View::Split };
            strict
                .identities(&mut |_| {
                    seen += 1;
                    ControlFlow::Continue(())
                })
                .map(|()| seen)
        };
        assert_eq!(read(&[]), Ok(0));
        assert_eq!(read(&[b"spiffe://td/ns/a/sa/b", b"CN=x"]), Ok(1));
        assert_eq!(read(&[b"CN=x"]), Err(Unavailable));
        assert_eq!(read(&[b"spiffe://td/ns/a/sa/b", b"spiffe://td/ns/c/sa/d"]), Err(Unavailable));
        assert_eq!(read(&[b"spiffe://td/ns/evil/sa/x/ns/foo/y"]), Err(Unavailable));
    }
}
