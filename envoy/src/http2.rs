//! A plain HTTP/2 client: header bytes sent exactly as given, many streams at once, and the whole answer to each. Nothing
//! is checked before it is sent, which is why it is no client of a library.

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

/// What every peer takes in one frame.
const FRAME: usize = 1 << 14;
/// The reason of a stream that its client no longer wants.
const CANCEL: [u8; 4] = [0, 0, 0, 8];
/// Added to the 64 KiB that the peer may send on all streams together: no body is as long.
const WINDOW: [u8; 4] = [0x3F, 0, 0, 0];

/// An HTTP/2 connection.
pub struct Http2 {
    connection: Connection,
    decoder: Decoder<'static>,
    next: u32,
    open: bool,
    /// Answers to the streams that are open, and whether each is complete.
    waiting: BTreeMap<u32, (Answer, bool)>,
    /// Whether the peer has read everything that was sent.
    acknowledged: bool,
}

/// Names and values, pseudo headers first.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// What is sent on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The headers.
    pub fields: Fields,
    /// The body; no frame of it where it is empty.
    pub body: Vec<u8>,
    /// The trailers; none if they are empty.
    pub trailers: Fields,
    /// The stream is reset where it should end, and its answer not waited for.
    pub reset: bool,
}

impl From<Fields> for Sent {
    fn from(fields: Fields) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// What came back on a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Headers and trailers; none if the stream was reset or the connection ended before.
    pub fields: Fields,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it came to its regular end.
    pub whole: bool,
}

impl Answer {
    /// The status; 0 where there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.field(":status").and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// The first field of this name that is text.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, value) = self.fields.iter().find(|(known, _)| known == name.as_bytes())?;
        core::str::from_utf8(value).ok()
    }
}

impl Http2 {
    /// Opens the protocol on `connection`.
    ///
    /// # Errors
    ///
    /// The connection cannot be written.
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

    /// Sends all `streams` at once, and gives the answer to each.
    ///
    /// # Errors
    ///
    /// The answer is not HTTP/2.
    pub fn ask(&mut self, streams: &[Sent]) -> io::Result<Vec<Answer>> {
        self.send(streams);
        self.receive()
    }

    /// Sends all `streams` at once; [`receive`](Self::receive) returns the answers.
    pub fn send(&mut self, streams: &[Sent]) {
        let mut bytes = Vec::new();
        for sent in streams {
            write(&mut bytes, self.next, sent);
            // What is reset has no answer to wait for.
            self.waiting.insert(self.next, (Answer::default(), sent.reset));
            self.next += 2;
        }
        // The peer has read all of it when it answers this.
        bytes.extend(frame(PING, 0, 0, &[0; 8]));
        self.acknowledged = false;
        self.open = self.connection.write_all(&bytes).and_then(|()| self.connection.flush()).is_ok();
    }

    /// Returns the answer to each stream that was sent since the last call.
    ///
    /// # Errors
    ///
    /// The answer is not HTTP/2.
    pub fn receive(&mut self) -> io::Result<Vec<Answer>> {
        while self.open && !(self.acknowledged && self.waiting.values().all(|(_, done)| *done)) {
            self.open = self.read()?;
        }
        Ok(core::mem::take(&mut self.waiting).into_values().map(|(answer, _)| answer).collect())
    }

    /// Whether more can be asked.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Reads one frame; false where the connection has ended.
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
                // Every block has to be read: later ones are told by what is in it.
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
                // A peer that has closed the connection needs no answer, and what it sent before can still be read.
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

/// The frames of one stream.
fn write(bytes: &mut Vec<u8>, stream: u32, sent: &Sent) {
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

/// A header block, in as many frames as it needs.
fn block(bytes: &mut Vec<u8>, stream: u32, flags: u8, fields: &Fields) {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal that is never indexed, its name new.
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

/// A string of HPACK, not compressed.
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
    fn long_strings_have_long_lengths() {
        let mut block = Vec::new();
        text(&mut block, &[b'a'; 300]);
        assert_eq!(block[..3], [0x7F, 0xAD, 0x01]);
        assert_eq!(block.len(), 303);
    }

    #[test]
    fn a_long_block_is_continued_and_only_its_last_frame_ends_it() {
        let sent = Sent { fields: vec![(b"a".to_vec(), vec![b'a'; 40_000])], ..Sent::default() };
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
    fn a_stream_that_is_reset_does_not_end() {
        let field = |name: &str| vec![(name.as_bytes().to_vec(), Vec::new())];
        let sent = Sent { fields: field("a"), body: vec![0], trailers: field("b"), reset: true };
        let mut bytes = Vec::new();
        write(&mut bytes, 3, &sent);
        assert_eq!(bytes[3..5], [HEADERS, END_HEADERS]);
        assert!(bytes.ends_with(&[&frame(RST_STREAM, 0, 3, &[])[3..], &CANCEL].concat()));
    }
}
