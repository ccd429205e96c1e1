//! An HTTP/2 client that sends header bytes without changes or checks, on many concurrent streams, and returns complete
//! answers. Client libraries would reject the invalid requests of the tests.

use core::fmt;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use loona_hpack::Decoder;

use crate::client::Connection;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The frame size that every peer accepts.
const FRAME: usize = 1 << 14;
/// The error code CANCEL, for a stream that its client cancels.
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// The window that is added to the default 64 KiB for all streams together; no body is as long.
const WINDOW: [u8; 4] = [0x3F, 0, 0, 0];

/// An HTTP/2 connection.
pub struct Http2 {
    connection: Connection,
    decoder: Decoder<'static>,
    next: u32,
    open: bool,
    /// The answers to the open streams, each with whether it is complete.
    waiting: BTreeMap<u32, (StreamResponse, bool)>,
    /// Whether the peer has read everything that was sent.
    acknowledged: bool,
}

/// Names and values of headers, pseudo headers first.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// The content of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamRequest {
    /// The headers.
    pub fields: Fields,
    /// The body. An empty body is sent without a frame.
    pub body: Vec<u8>,
    /// The trailers. Empty trailers are not sent.
    pub trailers: Fields,
    /// Whether the client resets the stream at its end and does not wait for the answer.
    pub reset: bool,
}

impl From<Fields> for StreamRequest {
    fn from(fields: Fields) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// The answer on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamResponse {
    /// Headers and trailers; empty if the stream was reset or the connection ended before.
    pub fields: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// Whether the stream ended regularly.
    pub whole: bool,
}

impl StreamResponse {
    /// Returns the status, or 0 if there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.field(":status").and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Returns the first field with this name whose value is text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == name.as_bytes())?;
        core::str::from_utf8(value).ok()
    }
}

impl Http2 {
    /// Starts HTTP/2 on `connection`.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection cannot be written.
    pub fn new(mut connection: Connection) -> io::Result<Self> {
        connection.write_all(PREFACE)?;
        connection.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        connection.write_all(&frame(WINDOW_UPDATE, 0, 0, &WINDOW))?;
        connection.flush()?;
        Ok(Self {
            connection,
            decoder: Decoder::new(),
            next: 1,
            open: true,
            waiting: BTreeMap::new(),
            acknowledged: true,
        })
    }

    /// Sends all `streams` concurrently and returns the answer to each.
    ///
    /// # Errors
    ///
    /// Returns an error if the answer is not HTTP/2.
    pub fn exchange(&mut self, streams: &[StreamRequest]) -> io::Result<Vec<StreamResponse>> {
        self.send(streams);
        self.receive()
    }

    /// Sends all `streams` concurrently; [`receive`](Self::receive) returns the answers.
    pub fn send(&mut self, streams: &[StreamRequest]) {
        let mut bytes = Vec::new();
        for sent in streams {
            write(&mut bytes, self.next, sent);
            // A reset stream has no answer.
            self.waiting.insert(self.next, (StreamResponse::default(), sent.reset));
            self.next += 2;
        }
        // The peer acknowledges this after it has read everything.
        bytes.extend(frame(PING, 0, 0, &[0; 8]));
        self.acknowledged = false;
        self.open = self.connection.write_all(&bytes).and_then(|()| self.connection.flush()).is_ok();
    }

    /// Returns the answer to each stream that was sent since the last call.
    ///
    /// # Errors
    ///
    /// Returns an error if the answer is not HTTP/2.
    pub fn receive(&mut self) -> io::Result<Vec<StreamResponse>> {
        while self.open && !(self.acknowledged && self.waiting.values().all(|(_, done)| *done)) {
            self.open = self.read()?;
        }
        Ok(core::mem::take(&mut self.waiting).into_values().map(|(answer, _)| answer).collect())
    }

    /// Whether the connection accepts more requests.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Reads one frame. Returns false if the connection has ended.
    fn read(&mut self) -> io::Result<bool> {
        let mut head = [0; 9];
        if self.connection.read_exact(&mut head).is_err() {
            return Ok(false);
        }
        let [a, b, c, kind, flags, s @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = Vec::new();
        (&mut self.connection).take(u64::from(length)).read_to_end(&mut payload)?;
        let stream = self.waiting.get_mut(&(u32::from_be_bytes(s) & 0x7FFF_FFFF));
        match (kind, stream) {
            (HEADERS, _) if flags & END_HEADERS == 0 => {
                return Err(io::Error::other("a header block in several frames"));
            }
            (HEADERS | DATA, stream) => {
                // Every block must be decoded, because later blocks refer to its entries.
                let (fields, data) = match kind {
                    HEADERS => {
                        let fields = self.decoder.decode(&payload);
                        (fields.map_err(|e| io::Error::other(format!("{e:?}")))?, Vec::new())
                    }
                    _ => (Vec::new(), payload),
                };
                let Some((answer, done)) = stream else { return Ok(true) };
                answer.fields.extend(fields);
                answer.body.extend_from_slice(&data);
                answer.whole = flags & END_STREAM != 0;
                *done |= answer.whole;
            }
            (RST_STREAM, Some((_, done))) => *done = true,
            (PING, _) if flags & ACK != 0 => self.acknowledged = true,
            (SETTINGS | PING, _) if flags & ACK == 0 => {
                let answer = if kind == PING { payload.as_slice() } else { &[] };
                // A peer that has closed the connection needs no answer, but its earlier frames can still be read.
                let answer = frame(kind, ACK, 0, answer);
                let _ = self.connection.write_all(&answer).and_then(|()| self.connection.flush());
            }
            (GOAWAY, _) => return Ok(false),
            _ => {}
        }
        Ok(true)
    }
}

impl fmt::Debug for Http2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Returns the frames of one stream.
fn write(bytes: &mut Vec<u8>, stream: u32, sent: &StreamRequest) {
    let (body, trailers) = (!sent.body.is_empty(), !sent.trailers.is_empty());
    let end = |last: bool| if last && !sent.reset { END_STREAM } else { 0 };
    block(bytes, stream, end(!body && !trailers), &sent.fields);
    if body {
        bytes.extend(frame(DATA, end(!trailers), stream, &sent.body));
    }
    if trailers {
        block(bytes, stream, end(true), &sent.trailers);
    }
    if sent.reset {
        bytes.extend(frame(RST_STREAM, 0, stream, &CANCEL));
    }
}

/// Returns a header block in as many frames as it needs.
fn block(bytes: &mut Vec<u8>, stream: u32, flags: u8, fields: &Fields) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal with a new name that is never indexed.
        block.push(0x10);
        text(&mut block, name);
        text(&mut block, value);
    }
    let pieces: Vec<&[u8]> = block.chunks(FRAME).collect();
    for (index, piece) in pieces.iter().enumerate() {
        let (kind, flags) = if index == 0 { (HEADERS, flags) } else { (CONTINUATION, 0) };
        let last = if index + 1 == pieces.len() { END_HEADERS } else { 0 };
        bytes.extend(frame(kind, flags | last, stream, piece));
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(9 + payload.len());
    frame.extend(length);
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns an uncompressed HPACK string.
fn text(block: &mut Vec<u8>, bytes: &[u8]) {
    const PREFIX: usize = 0x7F;
    match u8::try_from(bytes.len()) {
        Ok(length) if usize::from(length) < PREFIX => block.push(length),
        _ => {
            block.push(0x7F);
            let mut rest = bytes.len() - PREFIX;
            while rest >= 0x80 {
                block.push((rest & 0x7F) as u8 | 0x80);
                rest >>= 7;
            }
            block.push(rest as u8);
        }
    }
    block.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_hpack_string_has_multibyte_length() {
        let mut block = Vec::new();
        text(&mut block, &[b'a'; 300]);
        assert_eq!(block[..3], [0x7F, 0xAD, 0x01]);
        assert_eq!(block.len(), 303);
    }

    #[test]
    fn long_header_block_ends_only_in_its_last_frame() {
        let sent =
            StreamRequest { fields: vec![(b"a".to_vec(), vec![b'a'; 40_000])], ..StreamRequest::default() };
        let mut bytes = Vec::new();
        write(&mut bytes, 1, &sent);
        let mut frames = Vec::new();
        let mut rest = bytes.as_slice();
        while let [a, b, c, kind, flags, _, _, _, _, after @ ..] = rest {
            frames.push((*kind, *flags));
            rest = &after[u32::from_be_bytes([0, *a, *b, *c]) as usize..];
        }
        assert_eq!(frames, [(HEADERS, END_STREAM), (CONTINUATION, 0), (CONTINUATION, END_HEADERS)]);
    }

    #[test]
    fn reset_stream_sends_no_end_of_stream() {
        let field = |name: &str| vec![(name.as_bytes().to_vec(), Vec::new())];
        let sent = StreamRequest { fields: field("a"), body: vec![0], trailers: field("b"), reset: true };
        let mut bytes = Vec::new();
        write(&mut bytes, 3, &sent);
        assert_eq!(bytes[3..5], [HEADERS, END_HEADERS]);
        assert!(bytes.ends_with(&[&frame(RST_STREAM, 0, 3, &[])[3..], &CANCEL].concat()));
    }
}
