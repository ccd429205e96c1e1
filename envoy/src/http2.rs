//! A plain HTTP/2 client for one thing: header bytes sent exactly as given, many streams at once, and the status of
//! each answer. Nothing is checked before it is sent, which is why it is no client of a library.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use crate::client::Connection;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// The error code CANCEL.
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// How a request goes on behind its header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Not at all.
    Bare,
    /// With a body and these fields.
    Trailers(Fields),
    /// The client resets the stream.
    Reset,
}

/// An HTTP/2 connection.
#[derive(Debug)]
pub struct Http2 {
    connection: Connection,
    next: u32,
}

/// Names and values, pseudo headers first.
pub type Fields = Vec<(Vec<u8>, Vec<u8>)>;

impl Http2 {
    /// Opens the protocol on `connection`.
    ///
    /// # Errors
    ///
    /// The connection cannot be written.
    pub fn new(mut connection: Connection) -> io::Result<Self> {
        let mut hello = PREFACE.to_vec();
        // No dynamic table, so that every answer can be read by itself.
        hello.extend(frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]));
        connection.write_all(&hello)?;
        connection.flush()?;
        Ok(Self { connection, next: 1 })
    }

    /// Sends all `requests` at once, none of which has a body, and gives the status of each; 0 where its stream was
    /// reset or the connection ended.
    ///
    /// # Errors
    ///
    /// What comes back is no HTTP/2.
    pub fn ask(&mut self, requests: &[Fields]) -> io::Result<Vec<u16>> {
        let requests = requests.iter().map(|fields| (fields, &Ending::Bare));
        self.send(requests)
    }

    /// Sends one request that ends so, and gives its status as [`Self::ask`] does.
    ///
    /// # Errors
    ///
    /// What comes back is no HTTP/2.
    pub fn ask_one(&mut self, fields: &Fields, ending: &Ending) -> io::Result<u16> {
        let statuses = self.send([(fields, ending)].into_iter())?;
        Ok(statuses.first().copied().unwrap_or_default())
    }

    fn send<'f>(
        &mut self,
        requests: impl ExactSizeIterator<Item = (&'f Fields, &'f Ending)>,
    ) -> io::Result<Vec<u16>> {
        let (first, expected) = (self.next, requests.len());
        let (mut bytes, mut reset) = (Vec::new(), false);
        for (fields, ending) in requests {
            let last = if matches!(ending, Ending::Bare) { END_STREAM } else { 0 };
            bytes.extend(frame(HEADERS, last | END_HEADERS, self.next, &block(fields)));
            match ending {
                Ending::Bare => {}
                Ending::Trailers(fields) => {
                    bytes.extend(frame(DATA, 0, self.next, b"abc"));
                    bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, self.next, &block(fields)));
                }
                Ending::Reset => {
                    bytes.extend(frame(RST_STREAM, 0, self.next, &CANCEL));
                    reset = true;
                }
            }
            self.next += 2;
        }
        // A stream that is reset may get no answer, but a ping behind it does.
        if reset {
            bytes.extend(frame(PING, 0, 0, &[0; 8]));
        }
        let mut statuses = BTreeMap::new();
        let mut open = self.connection.write_all(&bytes).and_then(|()| self.connection.flush()).is_ok();
        while open && statuses.len() < expected {
            open = self.read(&mut statuses)?;
        }
        let streams = (first..self.next).step_by(2);
        Ok(streams.map(|stream| statuses.get(&stream).copied().unwrap_or_default()).collect())
    }

    /// Reads one frame; false where the connection has ended.
    fn read(&mut self, statuses: &mut BTreeMap<u32, u16>) -> io::Result<bool> {
        let mut head = [0; 9];
        if self.connection.read_exact(&mut head).is_err() {
            return Ok(false);
        }
        let [a, b, c, kind, flags, s @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = Vec::new();
        (&mut self.connection).take(u64::from(length)).read_to_end(&mut payload)?;
        let stream = u32::from_be_bytes(s) & 0x7FFF_FFFF;
        match kind {
            HEADERS => {
                let status = status(&payload).ok_or_else(|| io::Error::other("no status comes first"))?;
                statuses.entry(stream).or_insert(status);
            }
            RST_STREAM => {
                statuses.entry(stream).or_insert(0);
            }
            PING if flags & ACK != 0 => return Ok(false),
            SETTINGS | PING if flags & ACK == 0 => {
                let answer = if kind == PING { payload.as_slice() } else { &[] };
                self.connection.write_all(&frame(kind, ACK, 0, answer))?;
                self.connection.flush()?;
            }
            GOAWAY => return Ok(false),
            _ => {}
        }
        Ok(true)
    }
}

/// The fields in HPACK.
fn block(fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        // A literal that is never indexed, its name new.
        block.push(0x10);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
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

/// The `:status` that a response's header block begins with.
fn status(mut block: &[u8]) -> Option<u16> {
    // Changes of the dynamic table's size.
    while let [byte, rest @ ..] = block
        && byte & 0xE0 == 0x20
    {
        block = rest;
    }
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    match block {
        [index @ 0x88..=0x8E, ..] => INDEXED.get(usize::from(index - 0x88)).copied(),
        // A literal whose name is one of the table's seven.
        [0x48..=0x4E | 0x08..=0x0E | 0x18..=0x1E, length, value @ ..] => {
            let value = value.get(..usize::from(length & 0x7F))?;
            let digits = if length & 0x80 == 0 { value.to_vec() } else { digits(value)? };
            core::str::from_utf8(&digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Three digits in HPACK's Huffman code: `0` to `2` are 0 to 2 in five bits, `3` to `9` are 25 to 31 in six.
fn digits(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut bits = compressed.iter().flat_map(|byte| (0..8).rev().map(move |n| u32::from(byte >> n & 1)));
    let mut digits = Vec::new();
    while digits.len() < 3 {
        let mut code = 0;
        for _ in 0..5 {
            code = code << 1 | bits.next()?;
        }
        if code >= 3 {
            code = code << 1 | bits.next()?;
            code = code.checked_sub(25 - 3)?;
        }
        digits.push(b'0' + u8::try_from(code).ok().filter(|digit| *digit < 10)?);
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_indexed_literal_or_compressed() {
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x20, 0x8C]), Some(400));
        assert_eq!(status(b"\x08\x03403"), Some(403));
        // RFC 7541 C.6: 302 is 6402, 307 is 640e ff.
        assert_eq!(status(b"\x48\x82\x64\x02"), Some(302));
        assert_eq!(status(b"\x48\x83\x64\x0e\xff"), Some(307));
        assert_eq!(status(&[0x40]), None);
    }

    #[test]
    fn long_strings_have_long_lengths() {
        let mut block = Vec::new();
        text(&mut block, &[b'a'; 300]);
        assert_eq!(block[..3], [0x7F, 0xAD, 0x01]);
        assert_eq!(block.len(), 303);
    }
}
