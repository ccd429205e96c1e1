use super::*;
use crate::{fake::Fake, types::HostError};

fn attributes(host: &Fake) -> StreamAttributes<'_, Fake> {
    StreamAttributes::new(host, Plan::default())
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
fn all_headers_are_read_with_one_call() {
    let host = Fake::default()
        .header(b":method", b"GET")
        .header(b":path", b"/a?b")
        .header(b":authority", b"foo:80")
        .header(b"x", b"\xff")
        .header(b"x", b"2");
    let attributes = attributes(&host);
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
    assert_eq!(*host.reads.borrow(), ["headers"]);
}

#[test]
fn failed_call_is_not_repeated() {
    let host = Fake { broken: Some(HostError(10)), ..Fake::default() };
    let attributes = attributes(&host);

    assert_eq!(attributes.method(), Err(Unavailable));
    assert_eq!(attributes.path(), Err(Unavailable));
    assert_eq!(attributes.destination_port(), Err(Unavailable));
    assert_eq!(attributes.destination_ip(), Err(Unavailable));
    assert_eq!(
        attributes.claim(&["sub".into()], Shape::Text, &mut |_| ControlFlow::Continue(())),
        Err(Unavailable)
    );
    assert_eq!(*host.reads.borrow(), ["headers", "destination.address", "metadata"]);
}

#[test]
fn identities_are_the_non_empty_names_of_the_certificate() {
    let host = Fake::default()
        .property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b")
        .property("connection.subject_peer_certificate", "");
    let attributes = attributes(&host);

    assert_eq!(identities(&attributes), ["spiffe://td/ns/a/sa/b"]);
    assert_eq!(identities(&attributes).len(), 1);
    assert_eq!(host.reads.borrow().len(), 3);
    assert!(identities(&self::attributes(&Fake::default())).is_empty());
}

#[test]
fn identities_after_a_break_are_not_read() {
    let host = Fake::default().property("connection.uri_san_peer_certificate", "spiffe://td/ns/a/sa/b");

    attributes(&host).identities(&mut |_| ControlFlow::Break(())).unwrap();

    assert_eq!(*host.reads.borrow(), ["connection.uri_san_peer_certificate"]);
}

#[test]
fn forwarded_address_is_not_the_peer_address() {
    let forwarded = Fake::default().property("source.address", "9.9.9.9:0");
    let with_state = Fake::default()
        .property("source.address", "9.9.9.9:0")
        .property("filter_state.palisade.source_address", "[fd00::1]:4711");
    let direct = Fake::default().property("source.address", "10.0.0.1:4711");

    let both = |host: &Fake| {
        let attributes = attributes(host);
        (attributes.source_ip(), attributes.remote_ip())
    };
    let ip = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(both(&forwarded), (Err(Unavailable), Ok(ip("9.9.9.9"))));
    assert_eq!(both(&with_state), (Ok(ip("fd00::1")), Ok(ip("9.9.9.9"))));
    assert_eq!(both(&direct), (Ok(ip("10.0.0.1")), Ok(ip("10.0.0.1"))));
}

#[test]
fn address_that_is_not_an_ip_address_is_unavailable() {
    for address in ["/tmp/socket", "envoy://internal", "", "1.2.3.4", "\u{ff}"] {
        let host = Fake::default().property("destination.address", address);
        assert_eq!(attributes(&host).destination_port(), Err(Unavailable), "{address}");
    }
    assert_eq!(attributes(&Fake::default()).destination_port(), Ok(None));
}

#[test]
fn server_name_is_lower_case_and_absent_if_empty() {
    let named = Fake::default().property("connection.requested_server_name", "SNI.Example");
    let unnamed = Fake::default().property("connection.requested_server_name", "");

    assert_eq!(attributes(&named).server_name(), Ok(Some(&b"sni.example"[..])));
    assert_eq!(attributes(&unnamed).server_name(), Ok(None));
    assert_eq!(attributes(&Fake::default()).server_name(), Ok(None));
}

#[test]
fn single_header_is_read_alone() {
    let host = Fake::default().header(b":method", b"GET");
    let plan = Plan { per_header: true, ..Plan::default() };
    let attributes = StreamAttributes::new(&host, plan);

    assert_eq!(attributes.method(), Ok(Some(&b"GET"[..])));
    assert_eq!(attributes.method(), Ok(Some(&b"GET"[..])));
    assert_eq!(attributes.path(), Ok(None));
    assert_eq!(*host.reads.borrow(), [":method", ":path"]);
}

#[test]
fn requests_of_one_connection_id_share_no_value() {
    let request = |account: &str, port: u16, name: &str| {
        let host = Fake::default()
            .property("connection_id", 7u64.to_le_bytes())
            .property("connection.id", 7u64.to_le_bytes())
            .property("connection.uri_san_peer_certificate", format!("spiffe://td/ns/a/sa/{account}"))
            .property("connection.requested_server_name", name)
            .property("destination.address", format!("10.0.0.1:{port}"));
        let attributes = attributes(&host);
        let name = attributes.server_name().unwrap().map(<[u8]>::to_vec);
        (identities(&attributes), attributes.destination_port().unwrap(), name)
    };

    let expected = |account: &str, port, name: &[u8]| {
        (vec![format!("spiffe://td/ns/a/sa/{account}")], Some(port), Some(name.to_vec()))
    };
    assert_eq!(request("good", 80, "one"), expected("good", 80, b"one"));
    assert_eq!(request("bad", 81, "two"), expected("bad", 81, b"two"));
}

#[test]
fn transport_of_http3_is_udp_and_of_others_tcp() {
    let transport = |host: Fake| {
        let host = host.property("destination.address", "10.0.0.1:443");
        attributes(&host).transport().unwrap()
    };

    let http3 = Fake::default().property("request.protocol", "HTTP/3");
    assert_eq!(transport(http3), Transport { protocol: Protocol::Udp, port: 443 });
    let http2 = Fake::default().property("request.protocol", "HTTP/2");
    assert_eq!(transport(http2), Transport { protocol: Protocol::Tcp, port: 443 });
    assert_eq!(transport(Fake::default()), Transport { protocol: Protocol::Tcp, port: 443 });
}

#[test]
fn failed_read_affects_only_its_request() {
    let host = Fake::default().property("connection.requested_server_name", "a");
    let broken = Fake { broken: Some(HostError(10)), ..Fake::default() };

    assert_eq!(attributes(&broken).server_name(), Err(Unavailable));
    assert_eq!(attributes(&host).server_name(), Ok(Some(&b"a"[..])));
}

#[test]
fn identity_of_waypoint_is_read_from_filter_state_only() {
    let plan = Plan::default().with_identity(IdentitySource::FilterState);
    let certificate = "spiffe://td/ns/wp/sa/wp";
    let read = |state: Option<&str>| {
        let mut host = Fake::default().property("connection.uri_san_peer_certificate", certificate);
        if let Some(state) = state {
            host = host.property("filter_state.io.istio.peer_principal", state);
        }
        let attributes = StreamAttributes::new(&host, plan);
        let mut seen = Vec::new();
        let result = attributes.identities(&mut |name| {
            seen.push(String::from_utf8_lossy(name).into_owned());
            ControlFlow::Continue(())
        });
        (result, seen)
    };

    let peer = "spiffe://td/ns/a/sa/b";
    assert_eq!(read(Some(peer)), (Ok(()), vec![peer.to_owned()]));
    for unreadable in [None, Some(""), Some("-"), Some("td/ns/a/sa/b")] {
        assert_eq!(read(unreadable), (Err(Unavailable), Vec::new()), "{unreadable:?}");
    }
}

#[test]
fn filter_state_is_not_read_as_identity_without_waypoint() {
    let host = Fake::default().property("filter_state.io.istio.peer_principal", "spiffe://td/ns/a/sa/b");

    assert!(identities(&attributes(&host)).is_empty());
    assert!(!host.reads.borrow().iter().any(|path| path.contains("peer_principal")));
}
