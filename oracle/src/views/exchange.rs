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
const CONNECTIONS: usize = 32;

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

/// Sends the requests `numbers` over HTTP/2, and calls `answer` with each answer. Those for which `ends` is true get a
/// connection of their own: a reset may end the connection for its other streams.
pub(super) fn http2<'r>(
    client: &Client,
    numbers: &[usize],
    ends: impl Fn(usize) -> bool,
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let (alone, together): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| ends(**number));
    let groups: Vec<&[usize]> = together.chunks(STREAMS).chain(alone.chunks(1)).collect();
    let mut lost = Vec::new();
    for groups in groups.chunks(CONNECTIONS) {
        in_groups(client, groups, &request, &mut |number, alone, received| match received.status() {
            0 if !alone => lost.push(number),
            _ => answer(number, seen(received)),
        })?;
    }
    let groups: Vec<&[usize]> = lost.chunks(1).collect();
    for groups in groups.chunks(CONNECTIONS) {
        in_groups(client, groups, &request, &mut |number, _, received| answer(number, seen(received)))?;
    }
    Ok(())
}

/// Opens a connection for each of `groups`, sends all requests and then reads the answers. Calls `answer` with each, and
/// whether its request was the only one of its connection.
fn in_groups<'r>(
    client: &Client,
    groups: &[&[usize]],
    request: &impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, bool, &Answer),
) -> Result<()> {
    let mut connections = Vec::new();
    for group in groups {
        let streams: Vec<Sent> =
            group.iter().map(|number| stream(request(*number), client.is_tls())).collect();
        let mut connection = Http2::new(client.connect()?)?;
        connection.send(&streams);
        connections.push(connection);
    }
    for (group, connection) in groups.iter().zip(&mut connections) {
        for (number, received) in group.iter().zip(connection.receive()?) {
            answer(*number, group.len() == 1, &received);
        }
    }
    Ok(())
}

/// Sends the requests `numbers` over HTTP/3, and calls `answer` with each answer. One stream is open at a time: a stream that
/// Envoy refuses can leave others without an answer.
pub(super) fn http3<'r>(
    client: &mut Http3,
    target: &Target<'_>,
    numbers: &[usize],
    request: impl Fn(usize) -> &'r HttpRequest,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let mut open = None;
    for number in numbers {
        let sent = [stream(request(*number), true)];
        let received = loop {
            let reused = open.is_some();
            let connection = match open {
                Some(connection) => connection,
                None => client.connect(target)?.context("no HTTP/3 connection")?,
            };
            let received = client.ask(connection, &sent)?.pop().unwrap_or_default();
            open = Some(connection).filter(|_| received.status() != 0);
            if open.is_none() {
                client.close(connection)?;
            }
            // Maybe an earlier stream has ended the connection.
            if open.is_some() || !reused {
                break received;
            }
        };
        answer(*number, seen(&received));
    }
    open.map_or(Ok(()), |connection| client.close(connection))
}

fn seen(answer: &Answer) -> Seen {
    match answer.status() {
        0 => Seen::Refused(None),
        status => Seen::of_envoy(status, &answer.body),
    }
}

fn stream(request: &HttpRequest, tls: bool) -> Sent {
    let mut fields = wire::http2(request);
    let scheme = fields.iter_mut().find(|(name, _)| name == b":scheme");
    if let (Some((_, scheme)), true) = (scheme, tls) {
        *scheme = b"https".to_vec();
    }
    fields.into()
}
