//! Hostile HTTP/2: header fields that no library would send, gRPC, extended CONNECT, trailers and streams that are reset,
//! to the module and to Envoy's own filter in one Envoy.

use crate::{
    corpus::tell,
    hostile::{Random, beside_rbac, headers},
};
use palisade_envoy::{
    client::{Client, Outcome},
    http2::{Ending, Fields, Http2},
    process::Envoy,
};
use std::collections::BTreeMap;

/// One request: most of them well-formed but for a field or two, so that they arrive at the filters.
fn fields(random: &mut Random) -> Fields {
    let mut fields = headers(random);
    if random.below(6) > 0 {
        let token = |value: &[u8]| !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
        fields.retain(|(name, value)| match name.as_slice() {
            b":path" => value.starts_with(b"/") && token(value),
            name if name.starts_with(b":") => token(value),
            name => {
                !name.is_empty()
                    && name.iter().all(|b| matches!(b, b'a'..=b'z' | b'-'))
                    && !value.contains(&0)
            }
        });
    }
    let has = |fields: &Fields, wanted: &[u8]| fields.iter().any(|(name, _)| name == wanted);
    let required: [(&[u8], &[u8]); 4] =
        [(b":method", b"GET"), (b":path", b"/"), (b":authority", b"sample.foo"), (b":scheme", b"http")];
    if random.below(8) > 0 {
        for (name, value) in required {
            if !has(&fields, name) {
                fields.insert(0, (name.to_vec(), value.to_vec()));
            }
        }
    }
    match random.below(30) {
        0 => fields.insert(0, (b":protocol".to_vec(), b"websocket".to_vec())),
        1 => fields.insert(0, (b":\xff".to_vec(), b"a".to_vec())),
        2 => fields.push((b"connection".to_vec(), b"upgrade".to_vec())),
        3 => fields.push((b"te".to_vec(), b"trailers".to_vec())),
        4 => fields.push((b":path".to_vec(), b"/secret".to_vec())),
        5 => fields.push((b"host".to_vec(), b"evil.example".to_vec())),
        6 => fields.push((b"content-length".to_vec(), b"99".to_vec())),
        7 => fields.push((b"x-large".to_vec(), vec![b'a'; 15 << 10])),
        _ => {}
    }
    fields
}

fn ending(random: &mut Random) -> Ending {
    match random.below(12) {
        0 => Ending::Trailers(vec![(b"x-trailer".to_vec(), random.bytes(3))]),
        1 => Ending::Trailers(vec![(b"x-role".to_vec(), b"admin".to_vec())]),
        2 => Ending::Reset,
        _ => Ending::Bare,
    }
}

/// The counters whose names end so.
fn count(envoy: &Envoy, ending: &str) -> u64 {
    let stats = envoy.stats().expect("statistics");
    stats.iter().filter(|(name, _)| name.ends_with(ending)).map(|(_, value)| value).sum()
}

#[test]
fn hostile_http2_is_answered_as_envoys_own_filter_does() {
    const REQUESTS: usize = 4_000;
    let Some(envoy) = beside_rbac("hostile HTTP/2 in Envoy") else { return };
    let clients = ["wasm", "rbac"].map(|name| Client::plaintext(envoy.port(name).expect("a port")));
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut seen, mut resets) = (BTreeMap::<u16, usize>::new(), 0);
    for number in 0..REQUESTS {
        let (fields, ending) = (fields(&mut random), ending(&mut random));
        let answers = clients.each_ref().map(|client| {
            // A connection for each: one that is broken would take its neighbours with it.
            let mut http2 = Http2::new(client.connect().expect("a connection")).expect("a greeting");
            http2.ask_one(&fields, &ending).expect("HTTP/2")
        });
        // Whether the answer to a stream that is reset still comes is a matter of time.
        if matches!(ending, Ending::Reset) {
            resets += 1;
            continue;
        }
        assert_eq!(
            answers[0],
            answers[1],
            "number {number}: {:?} {ending:?}",
            fields.iter().take(9).collect::<Vec<_>>()
        );
        *seen.entry(answers[0]).or_default() += 1;
    }
    // A refused gRPC call has the status 200, so the filters' own counters tell the rest. Native RBAC counts what is
    // allowed once a filter.
    let [allowed, denied] = ["palisade.allowed", "palisade.denied"].map(|name| count(&envoy, name));
    assert_eq!(denied, count(&envoy, "rbac.denied"));
    assert!(allowed > 100 && denied > 100, "{allowed} allowed, {denied} denied");
    assert!(
        matches!(clients[0].request(b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n"), Ok(Outcome::Response(r)) if r.status == 200)
    );
    let log = envoy.log().expect("a log");
    assert!(!log.contains("VM failed") && !log.contains("panicked"), "{log}");
    tell(&format!(
        "hostile HTTP/2 in Envoy: {REQUESTS} to each filter, statuses {seen:?}, {resets} reset, {allowed} allowed, \
         {denied} denied, 0 restarts"
    ));
}
