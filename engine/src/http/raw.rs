//! The head of an HTTP/1 request as bytes.

use super::{
    header::trim,
    received::check_size,
    refusal::Refusal,
    request::{HttpRequest, HttpVersion},
};
use alloc::{borrow::Cow, string::String, vec::Vec};

fn bad(reason: &'static str) -> Refusal {
    Refusal::answer(400, reason)
}

impl HttpRequest {
    /// Returns the request in the bytes of `raw`, or the request itself if `raw` is absent.
    ///
    /// Rejects only bytes that cannot be parsed; [`admit`](super::admit) rejects other invalid requests.
    ///
    /// # Errors
    ///
    /// The bytes are not an HTTP/1 request.
    pub fn parsed(&self) -> Result<Cow<'_, Self>, Refusal> {
        match &self.raw {
            None => Ok(Cow::Borrowed(self)),
            Some(raw) => Ok(Cow::Owned(Self { remote_ip: self.remote_ip, ..parse(raw)? })),
        }
    }
}

/// Parses the head of the first request in `bytes` as Envoy's parser does. A line ends with a line feed after any character. A
/// line that starts with a space or tab continues the line before.
fn parse(bytes: &[u8]) -> Result<HttpRequest, Refusal> {
    let begin = bytes.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(bytes.len());
    let mut rest = bytes.get(begin..).unwrap_or_default();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut size = 0;
    loop {
        let end = rest.iter().position(|b| *b == b'\n').ok_or(bad("the head of the request has no end"))?;
        let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
        size += line.len();
        check_size(size, Refusal::answer(431, "more than 60 KiB of headers"))?;
        rest = after;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            break;
        }
        match lines.as_mut_slice() {
            [_, .., last] if line.starts_with(b" ") || line.starts_with(b"\t") => {
                last.extend_from_slice(line)
            }
            _ => lines.push(line.to_vec()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let (mut request, has_headers) = first_line(&first)?;
    for line in lines.take_while(|_| has_headers) {
        let colon = line.iter().position(|b| *b == b':').ok_or(bad("a header line without a colon"))?;
        let (name, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = trim(value.get(1..).unwrap_or_default());
        let name = text(name);
        match name.eq_ignore_ascii_case("host") {
            true => request.hosts.push(text(value)),
            false => request.headers.push((name, value.to_vec())),
        }
    }
    Ok(request)
}

/// Returns the method, target and version of a line with blanks between them, and whether headers follow. A request
/// without a version is an HTTP/0.9 request, which has no headers.
fn first_line(line: &[u8]) -> Result<(HttpRequest, bool), Refusal> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let word = |text: &[u8]| text.iter().position(blank).unwrap_or(text.len());
    let (method, rest) = line.split_at_checked(word(line)).unwrap_or_default();
    let rest = trim(rest);
    let (target, version) = rest.split_at_checked(word(rest)).unwrap_or_default();
    let has_headers = !trim(version).is_empty();
    let version = match trim(version) {
        b"HTTP/1.1" => HttpVersion::Http11,
        // Envoy treats any other version as older than HTTP/1.1.
        [] => HttpVersion::Http10,
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            HttpVersion::Http10
        }
        _ => return Err(bad("invalid HTTP version")),
    };
    let (method, target) = (text(method), target.to_vec());
    let request = HttpRequest { version, method, target, literal_target: true, ..HttpRequest::default() };
    Ok((request, has_headers))
}

/// Returns `bytes` as text. Later checks reject the replacement of bytes that are not UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_head_is_parsed_as_in_envoy() {
        for raw in [
            "GET /x HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\n\nGET  /x\tHTTP/1.1 \r\nHOST:a\r\n\r\nbody: 1\r\n\r\n",
            "GET /x HTTP/1.1\nhost:\n a\n\n",
        ] {
            let request = parse(raw.as_bytes()).unwrap();
            assert_eq!((request.method.as_str(), request.target.as_slice()), ("GET", &b"/x"[..]), "{raw}");
            assert_eq!((request.hosts.len(), request.headers.len()), (1, 0), "{raw}");
            assert_eq!(request.hosts[0].trim(), "a", "{raw}");
        }
        let folded = parse(b"GET / HTTP/1.1\r\nx: 1\r\n\ty\r\n  \r\nz: \r\n\r\n").unwrap();
        let headers = folded.headers.iter().map(|(n, v)| (n.as_str(), v.as_slice()));
        assert_eq!(headers.collect::<Vec<_>>(), [("x", &b"1\ty"[..]), ("z", b"")]);
    }

    #[test]
    fn versions_other_than_1_1_are_1_0_or_errors() {
        let version = |text: &str| {
            parse([b"GET / ", text.as_bytes(), b"\r\n\r\n"].concat().as_slice()).map(|r| r.version)
        };
        assert_eq!(version("HTTP/1.1"), Ok(HttpVersion::Http11));
        for old in ["", "HTTP/1.0", "HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/9.9"] {
            assert_eq!(version(old), Ok(HttpVersion::Http10), "{old}");
        }
        for bad in ["HTTP/11", "HTTP/1.10", "http/1.1", "HTTPS/1.1", "HTTP/1.1 x"] {
            assert_eq!(version(bad).map_err(|r| r.status), Err(Some(400)), "{bad}");
        }
    }

    #[test]
    fn malformed_request_head_is_an_error() {
        for bad in [
            "",
            "GET / HTTP/1.1\r\nhost: a\r\n",
            "GET / HTTP/1.1\r\nx\r\n\r\n",
            "GET / HTTP/1.1\r\n\rx: 1\r\n\r",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        let long = ["GET / HTTP/1.1\r\nx: ", &"a".repeat(61440), "\r\n\r\n"].concat();
        assert_eq!(parse(long.as_bytes()).map_err(|r| r.status), Err(Some(431)));
    }
}
