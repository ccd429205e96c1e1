//! Reads HTTP/1.1 responses from a stream.

use std::io::{self, BufRead, Read};

use crate::response::Response;

const MAX_HEAD: usize = 256 * 1024;
const MAX_HEADERS: usize = 256;

/// Reads a response, or returns `None` if the stream ends before a complete head.
pub(crate) fn read_response(stream: &mut impl BufRead, to_head: bool) -> io::Result<Option<Response>> {
    loop {
        let Some(head) = read_head(stream)? else { return Ok(None) };
        let (status, headers) = parse_head(&head)?;
        let mut response = Response { status, headers, body: Vec::new() };
        // 1xx precedes the response, except 101, which is the response and the last one.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        if !to_head && !matches!(status, 101 | 204 | 304) {
            response.body = read_body(stream, &response)?;
        }
        return Ok(Some(response));
    }
}

fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let left = MAX_HEAD.saturating_sub(head.len());
        if stream.by_ref().take(left as u64).read_until(b'\n', &mut head)? == 0 {
            return if left == 0 { Err(invalid("response head is too long")) } else { Ok(None) };
        }
    }
    Ok(Some(head))
}

fn parse_head(head: &[u8]) -> io::Result<(u16, Vec<(String, String)>)> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    parsed.parse(head).map_err(|error| invalid(&error.to_string()))?;
    let status = parsed.code.ok_or_else(|| invalid("missing response status"))?;
    let headers = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    Ok((status, headers))
}

fn read_body(stream: &mut impl BufRead, response: &Response) -> io::Result<Vec<u8>> {
    if response.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        return read_chunks(stream);
    }
    let mut body = Vec::new();
    match response.header("content-length") {
        Some(length) => {
            let length: u64 = length.parse().map_err(|_| invalid("invalid content-length"))?;
            read_exactly(stream, length, &mut body)?;
        }
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        stream.read_until(b'\n', &mut line)?;
        match httparse::parse_chunk_size(&line) {
            Ok(httparse::Status::Complete((_, 0))) => break,
            Ok(httparse::Status::Complete((_, size))) => read_exactly(stream, size, &mut body)?,
            _ => return Err(invalid("invalid chunk size")),
        }
        stream.read_until(b'\n', &mut line)?;
    }
    while !matches!(line.as_slice(), b"\r\n" | b"") {
        line.clear();
        stream.read_until(b'\n', &mut line)?;
    }
    Ok(body)
}

fn read_exactly(stream: &mut impl Read, length: u64, to: &mut Vec<u8>) -> io::Result<()> {
    let read = stream.take(length).read_to_end(to)?;
    if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut text: &[u8]) -> Response {
        read_response(&mut text, false).unwrap().unwrap()
    }

    #[test]
    fn content_length_limits_body() {
        let response = read(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!rest");
        assert_eq!((response.status, response.body.as_slice()), (403, b"no!".as_slice()));
        assert_eq!(response.header("content-length"), Some("3"));
    }

    #[test]
    fn chunked_body_is_joined_and_stream_position_is_after_it() {
        let mut text: &[u8] =
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\nnext";
        assert_eq!(read_response(&mut text, false).unwrap().unwrap().body, b"abc");
        assert_eq!(text, b"next");
    }

    #[test]
    fn body_without_length_extends_to_end_of_stream() {
        assert_eq!(read(b"HTTP/1.0 200 OK\r\n\r\nall of it").body, b"all of it");
    }

    #[test]
    fn interim_response_is_skipped() {
        assert_eq!(
            read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").status,
            200
        );
    }

    #[test]
    fn response_to_head_has_no_body() {
        let mut text: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
        assert_eq!(read_response(&mut text, true).unwrap().unwrap().body, b"");
    }

    #[test]
    fn end_of_stream_before_head_returns_none() {
        assert_eq!(read_response(&mut b"HTTP/1.1 200".as_slice(), false).unwrap(), None);
    }

    #[test]
    fn truncated_body_is_an_error() {
        let mut text: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab";
        assert_eq!(read_response(&mut text, false).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
