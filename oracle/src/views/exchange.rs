//! Many requests to one listener: a connection for each HTTP/1 request under way, streams for HTTP/2 and HTTP/3.

use super::seen::Seen;
use crate::backend::wire;
use anyhow::{Context, Result};
use palisade::flow::HttpRequest;
use palisade_envoy::{
    client::{Client, Connection, Outcome},
    http2::{Answer, Http2, Sent},
    http3::{Http3, Target},
};
use std::io::Write;

/// HTTP/1 connections that are open at once.
const CONNECTIONS: usize = 64;

/// Streams that are open at once on an HTTP/2 connection.
const STREAMS: usize = 50;

/// Sends the requests `numbers` over HTTP/1, and calls `answer` with each answer.
pub(super) fn http1<'r>(
    client: &Client,
    numbers: &[usize],
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let mut connections: Vec<Option<Connection>> = Vec::new();
    connections.resize_with(CONNECTIONS, || None);
    for batch in numbers.chunks(CONNECTIONS) {
        for (number, connection) in batch.iter().zip(&mut connections) {
            if connection.is_none() {
                *connection = Some(client.connect()?);
            }
            let Some(open) = connection else { continue };
            let bytes = wire::http1(request(*number));
            if open.write_all(&bytes).and_then(|()| open.flush()).is_err() {
                *connection = None;
            }
        }
        for (number, connection) in batch.iter().zip(&mut connections) {
            // Without bytes of its own this reads the answer to those sent above.
            let outcome = connection.as_mut().map(|open| open.request(&[]));
            let outcome = match outcome {
                Some(Ok(Outcome::Response(response))) => Outcome::Response(response),
                // Maybe the connection was closed after an earlier answer.
                _ => client.request(&wire::http1(request(*number)))?,
            };
            let Outcome::Response(response) = outcome else {
                *connection = None;
                answer(*number, Seen::Refused(None));
                continue;
            };
            let closes = response.header("connection").is_some_and(|value| value.contains("close"));
            let upgrade =
                request(*number).headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("upgrade"));
            if closes || upgrade {
                *connection = None;
            }
            answer(*number, Seen::of_envoy(response.status, &response.body));
        }
    }
    Ok(())
}

/// Sends the requests `numbers` over HTTP/2, and calls `answer` with each answer.
pub(super) fn http2<'r>(
    client: &Client,
    numbers: &[usize],
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let send = |streams: &[Sent]| Ok(Http2::new(client.connect()?)?.ask(streams)?);
    in_streams(send, numbers, STREAMS, client.is_tls(), request, answer)
}

/// Sends the requests `numbers` over HTTP/3, and calls `answer` with each answer.
pub(super) fn http3<'r>(
    client: &mut Http3,
    target: &Target<'_>,
    numbers: &[usize],
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let send = |streams: &[Sent]| {
        let connection = client.connect(target)?.context("no HTTP/3 connection")?;
        let answers = client.ask(connection, streams)?;
        client.close(connection)?;
        Ok(answers)
    };
    // One stream a connection: a stream that Envoy refuses can leave others without an answer.
    in_streams(send, numbers, 1, true, request, answer)
}

/// Calls `send` with the requests `numbers`, `streams` at once. A reset may end the connection for other streams, which are
/// sent once more.
fn in_streams<'r>(
    mut send: impl FnMut(&[Sent]) -> Result<Vec<Answer>>,
    numbers: &[usize],
    streams: usize,
    tls: bool,
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    for batch in numbers.chunks(streams) {
        let streams: Vec<Sent> = batch.iter().map(|number| stream(request(*number), tls)).collect();
        let answers = send(&streams)?;
        for ((number, sent), mut received) in batch.iter().zip(streams).zip(answers) {
            if received.status() == 0 && batch.len() > 1 {
                received = send(&[sent])?.pop().unwrap_or_default();
            }
            answer(
                *number,
                match received.status() {
                    0 => Seen::Refused(None),
                    status => Seen::of_envoy(status, &received.body),
                },
            );
        }
    }
    Ok(())
}

fn stream(request: &HttpRequest, tls: bool) -> Sent {
    let mut fields = wire::http2(request);
    let scheme = fields.iter_mut().find(|(name, _)| name == b":scheme");
    if let (Some((_, scheme)), true) = (scheme, tls) {
        *scheme = b"https".to_vec();
    }
    fields.into()
}
