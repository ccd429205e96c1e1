use super::*;
use crate::{fake::Fake, host::HostError};

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
    let attributes = StreamAttributes::new(&host);
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
    let attributes = StreamAttributes::new(&host);

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
    let attributes = StreamAttributes::new(&host);

    assert_eq!(identities(&attributes), ["spiffe://td/ns/a/sa/b"]);
    assert_eq!(identities(&attributes).len(), 1);
    assert_eq!(host.asked.borrow().len(), 3);
    assert!(identities(&StreamAttributes::new(&Fake::default())).is_empty());
}

#[test]
fn enough_identities_are_enough() {
    let host = Fake::default().property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b");

    StreamAttributes::new(&host).identities(&mut |_| ControlFlow::Break(())).unwrap();

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
        let attributes = StreamAttributes::new(host);
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
        assert_eq!(StreamAttributes::new(&host).destination_port(), Err(Unavailable), "{address}");
    }
    assert_eq!(StreamAttributes::new(&Fake::default()).destination_port(), Ok(None));
}

#[test]
fn the_server_name_is_lower_case_and_none_when_empty() {
    let named = Fake::default().property("connection.requested_server_name", "SNI.Example");
    let unnamed = Fake::default().property("connection.requested_server_name", "");

    assert_eq!(StreamAttributes::new(&named).server_name(), Ok(Some(&b"sni.example"[..])));
    assert_eq!(StreamAttributes::new(&unnamed).server_name(), Ok(None));
    assert_eq!(StreamAttributes::new(&Fake::default()).server_name(), Ok(None));
}
