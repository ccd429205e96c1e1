use super::*;
use crate::{fake::Fake, host::HostError};

fn attributes<'h>(host: &'h Fake, connections: &'h Connections) -> StreamAttributes<'h, Fake> {
    StreamAttributes::new(host, Plan::default(), connections)
}

fn identities(attributes: &StreamAttributes<'_, Fake>) -> Vec<String> {
    let mut seen = Vec::new();
    let mut visit = |name: &[u8]| {
        seen.push(String::from_utf8_lossy(name).into_owned());
        ControlFlow::Continue(())
    };
    attributes.identities(&mut visit).unwrap();
    seen
}

#[test]
fn all_headers_are_one_call_however_often_they_are_read() {
    let host = Fake::default()
        .header(b":method", b"GET")
        .header(b":path", b"/a?b")
        .header(b":authority", b"foo:80")
        .header(b"x", b"\xff")
        .header(b"x", b"2");
    let connections = Connections::default();
    let attributes = attributes(&host, &connections);
    let mut seen = Vec::new();

    attributes
        .header("x", &mut |value| {
            seen.push(value.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();

    assert_eq!(seen, [b"\xff".to_vec(), b"2".to_vec()]);
    assert_eq!(attributes.method(), Ok(Some(&b"GET"[..])));
    assert_eq!(attributes.path(), Ok(Some(&b"/a?b"[..])));
    assert_eq!(attributes.authority(), Ok(Some(&b"foo:80"[..])));
    assert_eq!(*host.asked.borrow(), ["headers"]);
}

#[test]
fn a_failed_call_is_unavailable_and_not_repeated() {
    let host = Fake { broken: Some(HostError(10)), ..Fake::default() };
    let connections = Connections::default();
    let attributes = attributes(&host, &connections);

    assert_eq!(attributes.method(), Err(Unavailable));
    assert_eq!(attributes.path(), Err(Unavailable));
    assert_eq!(attributes.destination_port(), Err(Unavailable));
    assert_eq!(attributes.destination_ip(), Err(Unavailable));
    assert_eq!(
        attributes.claim(&["sub".into()], Shape::Text, &mut |_| ControlFlow::Continue(())),
        Err(Unavailable)
    );
    assert_eq!(*host.asked.borrow(), ["headers", "destination.address", "metadata"]);
}

#[test]
fn identities_are_the_names_that_are_there() {
    let host = Fake::default()
        .property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b")
        .property("connection.subject_peer_certificate", "");
    let connections = Connections::default();
    let attributes = attributes(&host, &connections);

    assert_eq!(identities(&attributes), ["spiffe://td/ns/a/sa/b"]);
    assert_eq!(identities(&attributes).len(), 1);
    assert_eq!(host.asked.borrow().len(), 3);
    let (nobody, connections) = (Fake::default(), Connections::default());
    assert!(identities(&self::attributes(&nobody, &connections)).is_empty());
}

#[test]
fn enough_identities_are_enough() {
    let host = Fake::default().property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b");

    attributes(&host, &Connections::default()).identities(&mut |_| ControlFlow::Break(())).unwrap();

    assert_eq!(*host.asked.borrow(), ["connection.uri_san_peer_certificate"]);
}

#[test]
fn a_forwarded_address_is_not_the_peers() {
    let forwarded = Fake::default().property("source.address", "9.9.9.9:0");
    let told = Fake::default()
        .property("source.address", "9.9.9.9:0")
        .property("filter_state.palisade.source_address", "[fd00::1]:4711");
    let direct = Fake::default().property("source.address", "10.0.0.1:4711");

    let both = |host: &Fake| {
        let connections = Connections::default();
        let attributes = attributes(host, &connections);
        (attributes.source_ip(), attributes.remote_ip())
    };
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(both(&forwarded), (Err(Unavailable), Ok(ip("9.9.9.9"))));
    assert_eq!(both(&told), (Ok(ip("fd00::1")), Ok(ip("9.9.9.9"))));
    assert_eq!(both(&direct), (Ok(ip("10.0.0.1")), Ok(ip("10.0.0.1"))));
}

#[test]
fn what_is_no_ip_address_cannot_be_judged() {
    for address in ["/tmp/socket", "envoy://internal", "", "1.2.3.4", "\u{ff}"] {
        let host = Fake::default().property("destination.address", address);
        assert_eq!(
            attributes(&host, &Connections::default()).destination_port(),
            Err(Unavailable),
            "{address}"
        );
    }
    assert_eq!(attributes(&Fake::default(), &Connections::default()).destination_port(), Ok(None));
}

#[test]
fn the_server_name_is_lower_case_and_none_when_empty() {
    let named = Fake::default().property("connection.requested_server_name", "SNI.Example");
    let unnamed = Fake::default().property("connection.requested_server_name", "");

    assert_eq!(attributes(&named, &Connections::default()).server_name(), Ok(Some(&b"sni.example"[..])));
    assert_eq!(attributes(&unnamed, &Connections::default()).server_name(), Ok(None));
    assert_eq!(attributes(&Fake::default(), &Connections::default()).server_name(), Ok(None));
}

#[test]
fn a_single_header_is_asked_for_alone() {
    let (host, connections) = (Fake::default().header(b":method", b"GET"), Connections::default());
    let plan = Plan { one_by_one: true, ..Plan::default() };
    let attributes = StreamAttributes::new(&host, plan, &connections);

    assert_eq!(attributes.method(), Ok(Some(&b"GET"[..])));
    assert_eq!(attributes.method(), Ok(Some(&b"GET"[..])));
    assert_eq!(attributes.path(), Ok(None));
    assert_eq!(*host.asked.borrow(), [":method", ":path"]);
}

#[test]
fn what_a_connection_has_is_asked_for_once_for_all_its_requests() {
    let host = Fake::default()
        .property("connection_id", 7u64.to_le_bytes())
        .property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b")
        .property("connection.subject_peer_certificate", "")
        .property("destination.address", "10.0.0.1:80");
    let connections = Connections::default();
    let plan = Plan { by_connection: true, ..Plan::default() };
    let ask = || {
        let attributes = StreamAttributes::new(&host, plan, &connections);
        assert_eq!(identities(&attributes), ["spiffe://td/ns/a/sa/b"]);
        assert_eq!(attributes.destination_port(), Ok(Some(80)));
        host.asked.take().len()
    };

    assert_eq!((ask(), ask(), ask()), (5, 1, 1));
}

#[test]
fn a_long_name_is_not_kept_and_a_failure_is_forgotten_with_its_request() {
    let long = "x".repeat(2000);
    let host = Fake::default()
        .property("connection_id", 7u64.to_le_bytes())
        .property("connection.requested_server_name", &long);
    let connections = Connections::default();
    let plan = Plan { by_connection: true, ..Plan::default() };

    for _ in 0..2 {
        let attributes = StreamAttributes::new(&host, plan, &connections);
        assert_eq!(attributes.server_name(), Ok(Some(long.as_bytes())));
        assert_eq!(host.asked.take().len(), 2);
    }
    let broken = Fake { broken: Some(HostError(10)), ..Fake::default() };
    assert_eq!(StreamAttributes::new(&broken, plan, &connections).server_name(), Err(Unavailable));
    assert_eq!(StreamAttributes::new(&host, plan, &connections).server_name(), Ok(Some(long.as_bytes())));
}

#[test]
fn a_connection_without_a_number_is_read_for_each_request() {
    let host = Fake::default().property("connection.requested_server_name", "a");
    let connections = Connections::default();
    let plan = Plan { by_connection: true, ..Plan::default() };

    for _ in 0..2 {
        let attributes = StreamAttributes::new(&host, plan, &connections);
        assert_eq!(attributes.server_name(), Ok(Some(&b"a"[..])));
        assert_eq!(host.asked.take(), ["connection_id", "connection.requested_server_name"]);
    }
}
