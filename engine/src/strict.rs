//! The views of a request in the profile `strict`.
//!
//! The profile allows a request only if the policies allow the request as Envoy sees it and in each [`View`]. A view closes
//! documented traps. Therefore strict is never more permissive than compat. Only [`View::Joined`] allocates, and only for a
//! header with several lines.

use crate::{
    http::is_inline,
    request::{Attributes, ClaimName, Read, Shape, Unavailable, Visit},
};
use alloc::vec::Vec;
use core::{net::IpAddr, ops::ControlFlow};

/// A view of the headers of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Each header line, and each element of a header that Envoy joins, is one value.
    Split,
    /// All lines of a header are one value, joined with commas.
    Joined,
}

impl View {
    /// All views.
    pub(crate) const ALL: [Self; 2] = [Self::Split, Self::Joined];
}

/// A request in a view. It has no attributes of network policies, which mesh policies do not read.
#[derive(Debug)]
pub(crate) struct Strict<'a, A: ?Sized> {
    pub(crate) request: &'a A,
    pub(crate) view: View,
}

/// Removes white space at both ends, which HTTP/2 preserves and HTTP/1 does not.
fn trim(value: &[u8]) -> &[u8] {
    value.trim_ascii()
}

/// Returns whether `identity` has the form `spiffe://TD/ns/NS/sa/SA`.
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
    /// Returns the host without a final dot, because both names refer to one server.
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
    /// Returns the SPIFFE identity of the certificate. A certificate without exactly one valid SPIFFE identity is
    /// unreadable.
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
    fn header_lines_are_split_and_joined_by_view() {
        let headers: [(&str, &[u8]); 3] =
            [("x-role", b" user"), ("x-role", b"admin"), ("user-agent", b"a,b")];
        let request = Request { headers: &headers, ..Request::default() };
        assert_eq!(values(&request, View::Split, "x-role"), ["user", "admin"]);
        assert_eq!(values(&request, View::Joined, "x-role"), ["user,admin"]);
        assert_eq!(values(&request, View::Split, "user-agent"), ["a", "b"]);
        assert!(values(&request, View::Joined, "x-none").is_empty());
    }

    #[test]
    fn certificate_without_single_spiffe_identity_is_unreadable() {
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
