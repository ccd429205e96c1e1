//! The processing of a request by a proxy before policies: codec, connection manager and the filter for tokens.

use super::{
    connection::MeshConnection, endpoint::Resolver, jwt_authn, mesh_request::MeshRequest, token, types::Flow,
};
use crate::{
    http::{self, Refusal},
    options::Profile,
    policy_set::PolicySet,
    request::Unavailable,
};
use alloc::boxed::Box;

/// A request that the proxy refuses before the DENY and ALLOW policies.
#[derive(Debug)]
pub(super) struct RefusedRequest {
    pub(super) refusal: Refusal,
    /// The request as CUSTOM policies see it, if the filter for tokens refuses it: CUSTOM policies precede that filter.
    pub(super) before_tokens: Option<Box<MeshRequest>>,
}

impl From<Refusal> for RefusedRequest {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, before_tokens: None }
    }
}

/// Returns the request of `flow` as policies see it, or `None` if the port carries HTTP and the flow has no request.
///
/// # Errors
///
/// The codec, the connection manager or the filter for tokens refuses the request.
pub(super) fn admit(
    resolver: Resolver<'_>,
    proxy: &http::Proxy,
    set: &PolicySet,
    flow: &Flow,
    connection: &MeshConnection<'_>,
) -> Result<Option<MeshRequest>, RefusedRequest> {
    let mut request = connection.mesh_request();
    if connection.tcp {
        return Ok(Some(request));
    }
    let Some(sent) = &flow.http else { return Ok(None) };
    let sent = &*sent.parsed()?;
    let is_strict = resolver.options.profile == Profile::Strict;
    let tokens = token::texts(&flow.tokens);
    let sent = token::attach(sent, &tokens, set.tokens());
    let admitted = http::admit(&sent, &connection.downstream(), proxy)?;
    request.remote_ip = match is_strict && admitted.remote_ip_is_guess {
        true => Err(Unavailable),
        false => Ok(admitted.remote_ip),
    };
    let mut checked = admitted.clone();
    match jwt_authn::authenticate(set.tokens(), &tokens, &mut checked) {
        Ok(claims) => {
            request.before_tokens = (checked != admitted).then(|| Box::new(admitted));
            Ok(Some(MeshRequest { claims, http: Some(checked), ..request }))
        }
        Err(refusal) => {
            request.http = Some(admitted);
            Err(RefusedRequest { refusal, before_tokens: Some(Box::new(request)) })
        }
    }
}
