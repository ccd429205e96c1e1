//! Hostile HTTP/1 bytes to a real Envoy.

use super::{Random, in_envoy::Pair};
use crate::corpus::print_uncaptured;
use palisade_envoy::client::Client;
use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

const REQUESTS: usize = 20_000;

/// Returns the bytes of one hostile request.
fn wire(random: &mut Random) -> Vec<u8> {
    let method = random.pick(&[b"GET", b"GET", b"GET", b"POST", b"CONNECT", b"HEAD", b"get", b"G\xffT"]);
    let path = match random.below(60) {
        0 => [b"/".to_vec(), vec![b'a'; 50 << 10]].concat(),
        1 => [b"/".to_vec(), vec![b'a'; 64 << 10]].concat(),
        _ => random
            .pick(&[
                b"/",
                b"/secret",
                b"/secret%2f",
                b"//secret",
                b"/a/../b",
                b"/a/%2e%2e/b",
                b"*",
                b"/grpc.Service/M",
                b"/\xff",
                b"http://evil.example/",
                b"sample.foo:80",
            ])
            .to_vec(),
    };
    let version = random.pick(&[b"1.1", b"1.1", b"1.1", b"1.1", b"1.1", b"1.0", b"1.0", b"2.0"]);
    let mut bytes = [method, b" ", &path, b" HTTP/", version, b"\r\n"].concat();
    if random.below(10) > 0 {
        let host = random.pick(&[
            b"sample.foo",
            b"sample.foo:80",
            b"[::1]",
            b"evil.example",
            b"EVIL.example",
            b"\xff\xfe",
            b"",
            b"a b",
        ]);
        bytes.extend([b"host: ", host, b"\r\n"].concat());
    }
    for _ in 0..random.below(4) {
        let name = random.pick(&[b"x-role", b"X-Role", b"x-\xff", b"cookie", b"x_role"]);
        let value = random.pick(&[b"admin", b"user", b"\xff", b"", b"admin,user", b" admin "]);
        bytes.extend([name, b": ", value, b"\r\n"].concat());
    }
    match random.below(40) {
        0 => (0..90).for_each(|number| bytes.extend(format!("x-{number}: \u{ff}\r\n").bytes())),
        1 => (0..1024).for_each(|number| bytes.extend(format!("x-{number}: a\r\n").bytes())),
        2 => bytes.extend([b"x-large: ", &vec![b'a'; 1 << 20][..], b"\r\n"].concat()),
        3 => bytes.extend(b"connection: upgrade\r\nupgrade: websocket\r\n"),
        4 => bytes.extend(b"content-type: application/grpc\r\nte: trailers\r\n"),
        5 => {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-trailer: \xff\r\n\r\n");
            return bytes;
        }
        6 => {
            // The body never arrives: the client resets the connection in the middle of the stream.
            bytes.extend(b"content-length: 99\r\n\r\nabc");
            return bytes;
        }
        _ => {}
    }
    bytes.extend(b"connection: close\r\n\r\n");
    bytes
}

/// Returns the status, or 0 if the connection ends without one.
fn answer(client: &Client, bytes: &[u8]) -> u16 {
    let Ok(mut connection) = client.connect() else { return 0 };
    let _ = connection.write_all(bytes).and_then(|()| connection.flush());
    let mut head = [0; 12];
    match connection.read_exact(&mut head) {
        Ok(()) => String::from_utf8_lossy(&head[9..12]).parse().unwrap_or_default(),
        Err(_) => 0,
    }
}

#[test]
fn hostile_http1_bytes_are_decided_as_by_native_rbac() {
    let Some(pair) = Pair::start() else { return };
    let mut random = Random(0x5851_f42d_4c95_7f2d);
    let mut seen = BTreeMap::<u16, usize>::new();

    for number in 0..REQUESTS {
        let bytes = wire(&mut random);
        let (ours, native) = (answer(&pair.wasm, &bytes), answer(&pair.rbac, &bytes));
        assert_eq!(
            ours,
            native,
            "number {number}: {}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(300)])
        );
        *seen.entry(ours).or_default() += 1;
    }
    assert!([200, 403, 400].iter().all(|status| seen.contains_key(status)), "{seen:?}");
    pair.lives();
    print_uncaptured(&format!(
        "hostile HTTP/1 in Envoy: {REQUESTS} to each filter, statuses {seen:?}, 0 restarts"
    ));
}
