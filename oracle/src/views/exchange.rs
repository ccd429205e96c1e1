//! Concurrent requests to one listener: a connection for each HTTP/1 request, streams for HTTP/2 and HTTP/3.

use super::{
    probe::Probe,
    view::{HEADER, RequestView},
};
use crate::backend::wire;
use anyhow::{Context, Result};
use palisade_envoy::{
    client::{Client, Connection, Reply},
    http2::{Http2, StreamRequest, StreamResponse},
    http3::{Http3, Target},
};
use std::io::{self, Write};

/// The number of concurrent connections.
const CONNECTIONS: usize = 16;

/// Attempts to connect, if a handshake fails or no answer arrives in time.
const ATTEMPTS: usize = 3;

/// Concurrent streams of one connection.
const STREAMS: usize = 50;

/// Sends the requests `numbers` over HTTP/1, and calls `answer` with each answer.
pub(super) fn http1<'r>(
    client: &Client,
    numbers: &[usize],
    probe: impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, RequestView),
) -> Result<()> {
    let mut connections: Vec<Option<Connection>> = Vec::new();
    connections.resize_with(CONNECTIONS, || None);
    for batch in numbers.chunks(CONNECTIONS) {
        for (number, connection) in batch.iter().zip(&mut connections) {
            if connection.is_none() {
                *connection = Some(client.connect()?);
            }
            let Some(open) = connection else { continue };
            let bytes = wire::http1(&probe(*number).request);
            if open.write_all(&bytes).and_then(|()| open.flush()).is_err() {
                *connection = None;
            }
        }
        for (number, connection) in batch.iter().zip(&mut connections) {
            let head = probe(*number).request.method == "HEAD";
            let outcome = connection.as_mut().map(|open| open.read_reply(head));
            let outcome = match outcome {
                Some(Ok(Reply::Response(response))) => Reply::Response(response),
                // Envoy may have closed the connection after an earlier answer.
                _ => request(client, &wire::http1(&probe(*number).request))?,
            };
            let Reply::Response(response) = outcome else {
                *connection = None;
                answer(*number, RequestView::Rejected(None));
                continue;
            };
            let closes = response.header("connection").is_some_and(|value| value.contains("close"));
            if closes || !probe(*number).ends_with_headers() {
                *connection = None;
            }
            let answered = RequestView::of_envoy(response.status, response.header(HEADER), &response.body);
            answer(*number, answered);
        }
    }
    Ok(())
}

/// Sends the requests `numbers` over HTTP/2, and calls `answer` with each answer. A request for which `ends` is true
/// gets its own connection, because a reset may end the other streams of its connection.
pub(super) fn http2<'r>(
    client: &Client,
    tls: bool,
    numbers: &[usize],
    ends: impl Fn(usize) -> bool,
    probe: impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, RequestView),
) -> Result<()> {
    let (alone, together): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| ends(**number));
    let groups: Vec<&[usize]> = together.chunks(STREAMS).chain(alone.chunks(1)).collect();
    let mut lost = Vec::new();
    for groups in groups.chunks(CONNECTIONS) {
        in_groups(client, tls, groups, &probe, &mut |number, alone, received| match received.status() {
            0 if !alone => lost.push(number),
            _ => answer(number, view(received)),
        })?;
    }
    for last in [false, true] {
        let again = std::mem::take(&mut lost);
        let groups: Vec<&[usize]> = again.chunks(1).collect();
        for groups in groups.chunks(CONNECTIONS) {
            in_groups(client, tls, groups, &probe, &mut |number, _, received| match received.status() {
                0 if !last => lost.push(number),
                _ => answer(number, view(received)),
            })?;
        }
    }
    Ok(())
}

/// Sends `bytes` over a new connection, again if the answer is lost. This happens on a busy machine, above all with the two
/// listeners of a waypoint.
fn request(client: &Client, bytes: &[u8]) -> Result<Reply> {
    for _ in 1..ATTEMPTS {
        if let Ok(Reply::Response(response)) = client.request(bytes) {
            return Ok(Reply::Response(response));
        }
    }
    Ok(client.request(bytes)?)
}

/// Opens an HTTP/2 connection.
fn open(client: &Client) -> Result<Http2> {
    attempt(|| Http2::new(client.connect()?))
}

/// Returns the result of `action`, which may fail a few times on a busy machine.
fn attempt<T>(mut action: impl FnMut() -> io::Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        if let Ok(result) = action() {
            return Ok(result);
        }
    }
    Ok(action()?)
}

/// Opens a connection for each of `groups`, sends all requests and then reads the answers. Calls `answer` with each answer,
/// and with true if its request was the only one of its connection.
fn in_groups<'r>(
    client: &Client,
    tls: bool,
    groups: &[&[usize]],
    probe: &impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, bool, &StreamResponse),
) -> Result<()> {
    let mut connections = Vec::new();
    for group in groups {
        let streams: Vec<StreamRequest> = group.iter().map(|number| stream(probe(*number), tls)).collect();
        let mut connection = open(client)?;
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

/// Sends the requests `numbers` over HTTP/3, and calls `answer` with each answer. A request for which `ends` is true
/// gets its own connection, because after a rejected stream others may get no answer.
pub(super) fn http3<'r>(
    client: &mut Http3,
    target: &Target<'_>,
    numbers: &[usize],
    ends: impl Fn(usize) -> bool,
    probe: impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, RequestView),
) -> Result<()> {
    let (mut alone, together): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| ends(**number));
    let streams =
        |numbers: &[usize]| numbers.iter().map(|n| stream(probe(*n), true)).collect::<Vec<StreamRequest>>();
    for group in together.chunks(STREAMS) {
        let connection = client.connect(target)?.context("no HTTP/3 connection")?;
        let received = client.exchange(connection, &streams(group));
        client.close(connection)?;
        for (index, number) in group.iter().enumerate() {
            match received.as_ref().ok().and_then(|received| received.get(index)) {
                Some(received) if received.status() != 0 => answer(*number, view(received)),
                _ => alone.push(*number),
            }
        }
    }
    for group in alone.chunks(CONNECTIONS) {
        let received = client.exchange_separately(target, &streams(group))?;
        for (number, mut received) in group.iter().zip(received) {
            for _ in 1..ATTEMPTS {
                if received.is_none() {
                    received = client.exchange_separately(target, &streams(&[*number]))?.pop().flatten();
                }
            }
            answer(*number, received.as_ref().map_or(RequestView::NoAnswer, view));
        }
    }
    Ok(())
}

fn view(answer: &StreamResponse) -> RequestView {
    match answer.status() {
        0 => RequestView::Rejected(None),
        status => RequestView::of_envoy(status, answer.field(HEADER), &answer.body),
    }
}

fn stream(probe: &Probe, tls: bool) -> StreamRequest {
    let mut sent = wire::http2(&probe.request);
    let scheme = sent.fields.iter_mut().find(|(name, _)| name == b":scheme");
    if let (Some((_, scheme)), true) = (scheme, tls) {
        *scheme = b"https".to_vec();
    }
    sent.trailers.clone_from(&probe.trailers);
    sent
}
