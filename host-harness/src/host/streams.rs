//! Local replies, the end and the continuation of streams, and HTTP calls.

use super::guest::host_functions;
use crate::{
    abi::{Status, StreamType},
    header_map::decode_pairs,
    state::{HostState, LocalReply, SentCall},
};
use wasmtime::Linker;

pub(super) fn register(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    host_functions! { linker;
        fn proxy_send_local_response(
            guest,
            status: u32,
            details: u32,
            details_len: u32,
            body: u32,
            body_len: u32,
            headers: u32,
            headers_len: u32,
            grpc_status: i32,
        ) {
            let details = guest.read(details, details_len)?;
            let body = guest.read(body, body_len)?;
            let headers = guest.read(headers, headers_len)?;
            let Some(stream) = guest.state().streams.current().filter(|stream| stream.is_http) else { return Ok(()) };
            // Envoy sends only the first reply.
            stream.local_reply.get_or_insert_with(|| LocalReply {
                status,
                body,
                details: String::from_utf8_lossy(&details).into_owned(),
                headers: decode_pairs(&headers).unwrap_or_default(),
                grpc_status: u32::try_from(grpc_status).ok(),
            });
            Ok(())
        }
        fn proxy_continue_stream(guest, stream: u32) {
            let stream = StreamType::from_wire(stream).ok_or(Status::BadArgument)?;
            if matches!(stream, StreamType::Downstream | StreamType::Upstream) {
                return Err(Status::BadArgument.into());
            }
            if let Some(state) = guest.state().streams.current() {
                state.resumed = true;
            }
            Ok(())
        }
        fn proxy_close_stream(guest, stream: u32) {
            let stream = StreamType::from_wire(stream).ok_or(Status::BadArgument)?;
            if let Some(state) = guest.state().streams.current() {
                state.closed.get_or_insert(stream);
            }
            Ok(())
        }
        fn proxy_http_call(
            guest,
            cluster: u32,
            cluster_len: u32,
            headers: u32,
            headers_len: u32,
            body: u32,
            body_len: u32,
            trailers: u32,
            trailers_len: u32,
            timeout: u32,
            token_out: u32,
        ) {
            let cluster = guest.read(cluster, cluster_len)?;
            let headers = decode_pairs(&guest.read(headers, headers_len)?).unwrap_or_default();
            guest.read(body, body_len)?;
            guest.read(trailers, trailers_len)?;
            let required: [&[u8]; 3] = [b":path", b":method", b":authority"];
            if !required.iter().all(|name| headers.iter().any(|(known, _)| known == name)) {
                return Err(Status::BadArgument.into());
            }
            let cluster = String::from_utf8_lossy(&cluster).into_owned();
            let call = SentCall { cluster, headers, timeout_millis: timeout };
            let token = guest.state().http_calls.send(call)?;
            guest.write(token_out, &token.to_le_bytes())
        }
    }
    Ok(())
}
