//! Many requests to one listener: a connection for each HTTP/1 request under way, streams for HTTP/2 and HTTP/3.

use super::{
    probe::Probe,
    seen::{HEADER, Seen},
};
use crate::backend::wire;
use anyhow::{Context, Result};
use palisade_envoy::{
    client::{Client, Connection, Outcome},
    http2::{Answer, Http2, Sent},
    http3::{Http3, Target},
};
use std::io::{self, Write};

/// HTTP/1 connections that are open at once.
const CONNECTIONS: usize = 16;

/// How often a connection is tried where a handshake fails or no answer comes in time.
const ATTEMPTS: usize = 3;

/// Streams that are open at once on an HTTP/2 connection.
const STREAMS: usize = 50;

/// Sends the requests `numbers` over HTTP/1, and calls `answer` with each answer.
pub(super) fn http1<'r>(
    client: &Client,
    numbers: &[usize],
    probe: impl Fn(usize) -> &'r Probe,
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
            let bytes = wire::http1(&probe(*number).request);
            if open.write_all(&bytes).and_then(|()| open.flush()).is_err() {
                *connection = None;
            }
        }
        for (number, connection) in batch.iter().zip(&mut connections) {
            let head = probe(*number).request.method == "HEAD";
            let outcome = connection.as_mut().map(|open| open.answer(head));
            let outcome = match outcome {
                Some(Ok(Outcome::Response(response))) => Outcome::Response(response),
                // Maybe the connection was closed after an earlier answer.
                _ => request(client, &wire::http1(&probe(*number).request))?,
            };
            let Outcome::Response(response) = outcome else {
                *connection = None;
                answer(*number, Seen::Refused(None));
                continue;
            };
            let closes = response.header("connection").is_some_and(|value| value.contains("close"));
            if closes || !probe(*number).ends_with_headers() {
                *connection = None;
            }
            let answered = Seen::of_envoy(response.status, response.header(HEADER), &response.body);
            answer(*number, answered);
        }
    }
    Ok(())
}

/// Sends the requests `numbers` over HTTP/2, and calls `answer` with each answer. Those for which `ends` is true get a
/// connection of their own: a reset may end the connection for its other streams.
pub(super) fn http2<'r>(
    client: &Client,
    tls: bool,
    numbers: &[usize],
    ends: impl Fn(usize) -> bool,
    probe: impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let (alone, together): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| ends(**number));
    let groups: Vec<&[usize]> = together.chunks(STREAMS).chain(alone.chunks(1)).collect();
    let mut lost = Vec::new();
    for groups in groups.chunks(CONNECTIONS) {
        in_groups(client, tls, groups, &probe, &mut |number, alone, received| match received.status() {
            0 if !alone => lost.push(number),
            _ => answer(number, seen(received)),
        })?;
    }
    for last in [false, true] {
        let again = std::mem::take(&mut lost);
        let groups: Vec<&[usize]> = again.chunks(1).collect();
        for groups in groups.chunks(CONNECTIONS) {
            in_groups(client, tls, groups, &probe, &mut |number, _, received| match received.status() {
                0 if !last => lost.push(number),
                _ => answer(number, seen(received)),
            })?;
        }
    }
    Ok(())
}

/// Sends `bytes` over a connection of its own. On a busy machine an answer may be lost, above all behind the two listeners of a
/// waypoint.
fn request(client: &Client, bytes: &[u8]) -> Result<Outcome> {
    for _ in 1..ATTEMPTS {
        if let Ok(Outcome::Response(response)) = client.request(bytes) {
            return Ok(Outcome::Response(response));
        }
    }
    Ok(client.request(bytes)?)
}

/// An HTTP/2 connection.
fn open(client: &Client) -> Result<Http2> {
    attempt(|| Http2::new(client.connect()?))
}

/// The result of `action`, which on a busy machine may fail a few times.
fn attempt<T>(mut action: impl FnMut() -> io::Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        if let Ok(result) = action() {
            return Ok(result);
        }
    }
    Ok(action()?)
}

/// Opens a connection for each of `groups`, sends all requests and then reads the answers. Calls `answer` with each, and
/// whether its request was the only one of its connection.
fn in_groups<'r>(
    client: &Client,
    tls: bool,
    groups: &[&[usize]],
    probe: &impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, bool, &Answer),
) -> Result<()> {
    let mut connections = Vec::new();
    for group in groups {
        let streams: Vec<Sent> = group.iter().map(|number| stream(probe(*number), tls)).collect();
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

/// Sends the requests `numbers` over HTTP/3, and calls `answer` with each answer. Those for which `ends` is true get a
/// connection of their own: a stream that Envoy refuses can leave others without an answer.
pub(super) fn http3<'r>(
    client: &mut Http3,
    target: &Target<'_>,
    numbers: &[usize],
    ends: impl Fn(usize) -> bool,
    probe: impl Fn(usize) -> &'r Probe,
    answer: &mut impl FnMut(usize, Seen),
) -> Result<()> {
    let (mut alone, together): (Vec<usize>, Vec<usize>) = numbers.iter().partition(|number| ends(**number));
    let streams = |numbers: &[usize]| numbers.iter().map(|n| stream(probe(*n), true)).collect::<Vec<Sent>>();
    for group in together.chunks(STREAMS) {
        let connection = client.connect(target)?.context("no HTTP/3 connection")?;
        let received = client.ask(connection, &streams(group));
        client.close(connection)?;
        for (index, number) in group.iter().enumerate() {
            match received.as_ref().ok().and_then(|received| received.get(index)) {
                Some(received) if received.status() != 0 => answer(*number, seen(received)),
                _ => alone.push(*number),
            }
        }
    }
    for group in alone.chunks(CONNECTIONS) {
        let received = client.ask_alone(target, &streams(group))?;
        for (number, mut received) in group.iter().zip(received) {
            for _ in 1..ATTEMPTS {
                if received.is_none() {
                    received = client.ask_alone(target, &streams(&[*number]))?.pop().flatten();
                }
            }
            answer(*number, received.as_ref().map_or(Seen::Silent, seen));
        }
    }
    Ok(())
}

fn seen(answer: &Answer) -> Seen {
    match answer.status() {
        0 => Seen::Refused(None),
        status => Seen::of_envoy(status, answer.field(HEADER), &answer.body),
    }
}

fn stream(probe: &Probe, tls: bool) -> Sent {
    let mut sent = wire::http2(&probe.request);
    let scheme = sent.fields.iter_mut().find(|(name, _)| name == b":scheme");
    if let (Some((_, scheme)), true) = (scheme, tls) {
        *scheme = b"https".to_vec();
    }
    sent.trailers.clone_from(&probe.trailers);
    sent
}
