//! The callbacks for one HTTP request or one TCP connection, and the result for the client.

use crate::{
    abi::MapType,
    error::Error,
    header_map::HeaderMap,
    properties::Stream,
    state::{HostCalls, LocalReply, StreamState},
    vm::{ROOT, Vm, wire_len},
};
use core::ops::ControlFlow;
use std::{collections::BTreeMap, sync::Arc};

/// The ABI's `Pause`. Envoy treats it as `StopAllIterationAndWatermark` unless
/// [`VmOptions::allow_on_headers_stop_iteration`](crate::VmOptions::allow_on_headers_stop_iteration) is set.
const STOP_ITERATION: u32 = 1;

/// A request as the filter reads it: pseudo headers first, names in lower case.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    /// Headers with `:method`, `:path`, `:authority` and `:scheme`.
    pub headers: HeaderMap,
    /// The body, in one chunk.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: HeaderMap,
}

/// The result of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HttpOutcome {
    /// The upstream receives the request, with these headers.
    Continue(HeaderMap),
    /// The client receives this reply.
    Reply(LocalReply),
    /// The stream is reset.
    Reset,
    /// The stream stays paused, and no pending call can continue it.
    Paused,
}

/// The result of a request, with its host calls and fuel.
#[derive(Clone, Debug)]
pub struct HttpReport {
    /// The result.
    pub outcome: HttpOutcome,
    /// Whether it was a gRPC request, whose replies are HTTP 200 with a gRPC status.
    pub grpc: bool,
    /// Host calls, by name.
    pub calls: HostCalls,
    /// The properties that the module set: Envoy's filter state without the prefix `wasm.`.
    pub properties: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Fuel from the stream's creation to its deletion.
    pub fuel: u64,
}

impl HttpReport {
    /// Returns the HTTP status of the client; `None` if the upstream answers.
    pub fn status(&self) -> Option<u32> {
        match &self.outcome {
            HttpOutcome::Reply(_) if self.grpc => Some(200),
            HttpOutcome::Reply(reply) => Some(reply.status),
            _ => None,
        }
    }

    /// Returns the gRPC status of a gRPC client, derived from the HTTP status if the module sets none.
    pub fn grpc_status(&self) -> Option<u32> {
        match &self.outcome {
            HttpOutcome::Reply(reply) if self.grpc => Some(reply.grpc_status.unwrap_or(match reply.status {
                400 => 13,
                401 => 16,
                403 => 7,
                404 => 12,
                429 | 502..=504 => 14,
                _ => 2,
            })),
            _ => None,
        }
    }
}

/// The result of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TcpOutcome {
    /// The upstream receives its bytes.
    Continue,
    /// The connection is closed.
    Closed,
    /// The connection stays paused.
    Paused,
}

/// The result of a connection, with its host calls and fuel.
#[derive(Clone, Debug)]
pub struct TcpReport {
    /// The result.
    pub outcome: TcpOutcome,
    /// The number of the client's bytes that the upstream receives.
    pub forwarded: usize,
    /// Host calls, by name.
    pub calls: HostCalls,
    /// Fuel from the stream's creation to its deletion.
    pub fuel: u64,
}

impl Vm {
    /// Runs the callbacks of a request.
    ///
    /// # Errors
    ///
    /// The module trapped; the failure policy then decides the result for the client.
    pub(crate) fn http(&mut self, stream: &Arc<Stream>, request: &HttpRequest) -> Result<HttpReport, Error> {
        let context = self.new_context();
        let state = StreamState {
            stream: Arc::clone(stream),
            is_http: true,
            handshake_done: true,
            maps: [(MapType::RequestHeaders, request.headers.clone())].into(),
            ..StreamState::default()
        };
        self.store.data_mut().streams.by_context.insert(context, state);
        self.take_counts();
        let outcome = self.request(context, request).and_then(|outcome| {
            self.call(|exports| &exports.on_log, context, (context,))?;
            self.call(|exports| &exports.on_done, context, (context,))?;
            self.call(|exports| &exports.on_delete, context, (context,))?;
            Ok(outcome)
        });
        let state = self.store.data_mut().streams.by_context.remove(&context);
        let properties = state.map(|state| state.properties).unwrap_or_default();
        let (calls, fuel) = self.take_counts();
        Ok(HttpReport { outcome: outcome?, grpc: is_grpc(&request.headers), calls, properties, fuel })
    }

    fn request(&mut self, context: u32, request: &HttpRequest) -> Result<HttpOutcome, Error> {
        self.call(|exports| &exports.on_context_create, context, (context, ROOT))?;
        let (body, trailers) = (!request.body.is_empty(), !request.trailers.is_empty());

        let count = wire_len(request.headers.len());
        let end = !body && !trailers;
        let action =
            self.call(|exports| &exports.on_request_headers, context, (context, count, u32::from(end)))?;
        let stops_all =
            action != Some(STOP_ITERATION) || !self.store.data().vm.allow_on_headers_stop_iteration;
        if let ControlFlow::Break(outcome) = self.settle(context, action, end || stops_all)? {
            return Ok(outcome);
        }
        if body {
            let (len, end) = (wire_len(request.body.len()), !trailers);
            self.state(context).body.clone_from(&request.body);
            let action =
                self.call(|exports| &exports.on_request_body, context, (context, len, u32::from(end)))?;
            if let ControlFlow::Break(outcome) = self.settle(context, action, end)? {
                return Ok(outcome);
            }
        }
        if trailers {
            let count = wire_len(request.trailers.len());
            self.state(context).maps.insert(MapType::RequestTrailers, request.trailers.clone());
            let action = self.call(|exports| &exports.on_request_trailers, context, (context, count))?;
            if let ControlFlow::Break(outcome) = self.settle(context, action, true)? {
                return Ok(outcome);
            }
        }
        let headers = self.state(context).maps.get(&MapType::RequestHeaders).cloned().unwrap_or_default();
        self.response(context, 200, b"")?;
        Ok(HttpOutcome::Continue(headers))
    }

    /// Ends the request with an outcome, or continues with its next part. If `stops_all`, a part that the module stopped
    /// waits for an answer. Otherwise the next part follows, and also continues this one if the module continues it.
    fn settle(
        &mut self,
        context: u32,
        action: Option<u32>,
        stops_all: bool,
    ) -> Result<ControlFlow<HttpOutcome>, Error> {
        let mut is_paused = action.is_some_and(|action| action != 0);
        loop {
            let state = self.state(context);
            is_paused &= !core::mem::take(&mut state.resumed);
            if state.closed.is_some() {
                return Ok(ControlFlow::Break(HttpOutcome::Reset));
            }
            if let Some(reply) = state.local_reply.take() {
                self.response(context, reply.status, &reply.body)?;
                return Ok(ControlFlow::Break(HttpOutcome::Reply(reply)));
            }
            if !is_paused || !stops_all {
                return Ok(ControlFlow::Continue(()));
            }
            if !self.answer_next_call()? {
                return Ok(ControlFlow::Break(HttpOutcome::Paused));
            }
        }
    }

    /// Delivers the answer of the oldest HTTP call; returns false if no call is pending. As in Envoy, the callback runs in
    /// the root context, whichever context made the call.
    fn answer_next_call(&mut self) -> Result<bool, Error> {
        let Some(call) = self.store.data_mut().http_calls.pending.pop_front() else { return Ok(false) };
        let (headers, body) = (wire_len(call.answer.headers.len()), wire_len(call.answer.body.len()));
        self.store.data_mut().http_calls.answer = Some(call.answer);
        let parameters = (ROOT, call.token, headers, body, 0);
        let done = self.call(|exports| &exports.on_http_call_response, ROOT, parameters);
        self.store.data_mut().http_calls.answer = None;
        done.map(|_| true)
    }

    /// Runs the callbacks of the response. As in Envoy, a reply of the filter itself also passes them.
    fn response(&mut self, context: u32, status: u32, body: &[u8]) -> Result<(), Error> {
        let headers = vec![(b":status".to_vec(), status.to_string().into_bytes())];
        let count = wire_len(headers.len());
        let state = self.state(context);
        state.maps.insert(MapType::ResponseHeaders, headers);
        body.clone_into(&mut state.body);
        let end = u32::from(body.is_empty());
        self.call(|exports| &exports.on_response_headers, context, (context, count, end))?;
        if !body.is_empty() {
            let len = wire_len(body.len());
            self.call(|exports| &exports.on_response_body, context, (context, len, 1))?;
        }
        Ok(())
    }

    /// Runs the callbacks of a connection: its start, the client's first bytes, its end.
    ///
    /// # Errors
    ///
    /// The module trapped.
    pub(crate) fn tcp(&mut self, stream: &Arc<Stream>, first_bytes: &[u8]) -> Result<TcpReport, Error> {
        let context = self.new_context();
        let state = StreamState {
            stream: Arc::clone(stream),
            handshake_done: !stream.connection.tls,
            ..StreamState::default()
        };
        self.store.data_mut().streams.by_context.insert(context, state);
        self.take_counts();
        let outcome = self.connection(context, first_bytes).and_then(|outcome| {
            self.call(|exports| &exports.on_downstream_close, context, (context, 2))?;
            self.call(|exports| &exports.on_done, context, (context,))?;
            self.call(|exports| &exports.on_log, context, (context,))?;
            self.call(|exports| &exports.on_delete, context, (context,))?;
            Ok(outcome)
        });
        self.store.data_mut().streams.by_context.remove(&context);
        let (calls, fuel) = self.take_counts();
        let (outcome, forwarded) = outcome?;
        Ok(TcpReport { outcome, forwarded, calls, fuel })
    }

    fn connection(&mut self, context: u32, first_bytes: &[u8]) -> Result<(TcpOutcome, usize), Error> {
        self.call(|exports| &exports.on_context_create, context, (context, ROOT))?;
        self.call(|exports| &exports.on_new_connection, context, (context,))?;
        let state = self.state(context);
        if state.closed.is_some() {
            return Ok((TcpOutcome::Closed, 0));
        }
        state.handshake_done = true;
        first_bytes.clone_into(&mut state.body);
        let len = wire_len(first_bytes.len());
        let action = self.call(|exports| &exports.on_downstream_data, context, (context, len, 0))?;
        let state = self.state(context);
        Ok(match action.unwrap_or_default() {
            _ if state.closed.is_some() => (TcpOutcome::Closed, 0),
            0 => (TcpOutcome::Continue, state.body.len()),
            _ => (TcpOutcome::Paused, 0),
        })
    }

    fn state(&mut self, context: u32) -> &mut StreamState {
        self.store.data_mut().streams.by_context.entry(context).or_default()
    }
}

/// Returns whether Envoy treats a request as gRPC: it has a path, and the content type `application/grpc` or
/// `application/grpc+…`.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let has_path = headers.iter().any(|(name, _)| name == b":path");
    let content_type = headers.iter().find(|(name, _)| name == b"content-type");
    let rest = content_type.and_then(|(_, value)| value.strip_prefix(b"application/grpc"));
    has_path && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

#[cfg(test)]
mod tests;
