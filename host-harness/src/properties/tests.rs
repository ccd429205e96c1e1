use super::*;
use serde_json::json;

fn stream() -> Stream {
    Stream {
        connection: Connection {
            id: 7,
            tls: true,
            mtls: true,
            uri_sans: vec!["spiffe://td/ns/a/sa/b".into(), "spiffe://td/ns/c/sa/d".into()],
            server_name: "one.example".into(),
            forwarded: Some([9, 9, 9, 9].into()),
            ..Connection::default()
        },
        metadata: json!({"ns": {"s": "v", "l": ["a"]}}).as_object().unwrap().clone(),
        ..Stream::default()
    }
}

fn read(stream: Option<&Stream>, headers: Option<&HeaderMap>, path: &str) -> Result<Vec<u8>, Status> {
    let node = Node {
        id: "n".into(),
        cluster: "c".into(),
        metadata: json!({"NAMESPACE": "foo", "LABELS": {"app": "x"}}).as_object().unwrap().clone(),
    };
    let scope = Scope { node: &node, stream, request_headers: headers, handshake_done: true };
    scope.property(path.replace('/', "\0").as_bytes())
}

#[test]
fn certificate_has_only_its_first_name() {
    let stream = stream();

    assert_eq!(
        read(Some(&stream), None, "connection/uri_san_peer_certificate"),
        Ok(b"spiffe://td/ns/a/sa/b".to_vec())
    );
    assert_eq!(read(Some(&stream), None, "connection/dns_san_peer_certificate"), Err(Status::NotFound));
    assert_eq!(read(Some(&stream), None, "connection/mtls"), Ok(vec![1]));
}

#[test]
fn certificate_is_absent_before_the_handshake() {
    let (node, stream) = (Node::default(), stream());
    let scope = Scope { node: &node, stream: Some(&stream), request_headers: None, handshake_done: false };

    assert_eq!(scope.property(b"connection\0mtls"), Ok(vec![0]));
    assert_eq!(scope.property(b"connection\0uri_san_peer_certificate"), Err(Status::NotFound));
    assert_eq!(scope.property(b"connection\0subject_peer_certificate"), Ok(Vec::new()));
}

#[test]
fn source_of_request_is_the_forwarded_address() {
    let (stream, headers) = (stream(), HeaderMap::new());

    assert_eq!(read(Some(&stream), Some(&headers), "source/address"), Ok(b"9.9.9.9:0".to_vec()));
    assert_eq!(read(Some(&stream), None, "source/address"), Ok(b"127.0.0.1:40000".to_vec()));
    assert_eq!(read(Some(&stream), None, "destination/port"), Ok(8080i64.to_le_bytes().to_vec()));
}

#[test]
fn repeated_headers_are_joined_in_the_property() {
    let stream = stream();
    let headers: HeaderMap = vec![
        (b"x".to_vec(), b"a".to_vec()),
        (b":path".to_vec(), b"/p?q".to_vec()),
        (b"x".to_vec(), b"b".to_vec()),
    ];

    assert_eq!(read(Some(&stream), Some(&headers), "request/headers/x"), Ok(b"a,b".to_vec()));
    assert_eq!(read(Some(&stream), Some(&headers), "request/url_path"), Ok(b"/p".to_vec()));
    assert_eq!(read(Some(&stream), Some(&headers), "request/headers/absent"), Err(Status::NotFound));
    assert_eq!(read(Some(&stream), Some(&headers), "request"), Err(Status::SerializationFailure));
}

#[test]
fn root_context_reads_the_node_but_no_stream() {
    assert_eq!(read(None, None, "xds/node/metadata/NAMESPACE"), Ok(b"foo".to_vec()));
    assert_eq!(read(None, None, "xds/node/metadata/LABELS/app"), Ok(b"x".to_vec()));
    assert_eq!(read(None, None, "xds/listener_direction"), Err(Status::NotFound));
    assert_eq!(read(None, None, "connection/mtls"), Err(Status::NotFound));
    assert_eq!(read(None, None, "metadata"), Err(Status::NotFound));
}

#[test]
fn metadata_is_readable_whole_and_by_key_but_not_by_namespace() {
    let stream = stream();

    assert_eq!(read(Some(&stream), None, "metadata/filter_metadata/ns/s"), Ok(b"v".to_vec()));
    assert_eq!(read(Some(&stream), None, "metadata/filter_metadata/ns/l/0"), Ok(b"a".to_vec()));
    assert_eq!(read(Some(&stream), None, "metadata/filter_metadata"), Err(Status::SerializationFailure));
    assert!(read(Some(&stream), None, "metadata").unwrap().starts_with(b"\n"));
    assert_eq!(read(Some(&Stream::default()), None, "metadata"), Ok(Vec::new()));
}
