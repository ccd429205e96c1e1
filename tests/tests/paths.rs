//! [`normalize_path`] normalizes a path as a real Envoy does.

use crate::{corpus::print_uncaptured, hostile::Random};
use palisade::{
    http::{NormalizationVersion, normalize_path},
    resource::istio::PathNormalization,
};
use palisade_envoy::{
    client::{Client, Connection, Reply},
    config::{Bootstrap, Http, Listener, Transport},
    process::Envoy,
};
use serde_json::json;
use std::collections::BTreeMap;

/// The number of paths in each mode, unless `PALISADE_PROPERTY_CASES` sets it.
const PATHS: usize = 20_000;

/// Returns a listener that answers with the path that its filters read.
fn echo(normalization: PathNormalization) -> Listener {
    let name = normalization.as_str();
    let mut http = Http { normalization, ..Http::default() };
    let routes = json!({"name": name, "virtual_hosts": [{
        "name": "all", "domains": ["*"],
        "routes": [{"match": {"prefix": ""}, "direct_response": {"status": 200}}],
        "response_headers_to_add": [{"header": {"key": "x-path", "value": "%REQ(:PATH)%"}}],
    }]});
    http.extra.insert("route_config".to_owned(), routes);
    Listener::http(name, Transport::Plaintext, http)
}

/// Returns a path of parts that a step of normalization changes, and of other bytes.
fn path(random: &mut Random) -> Vec<u8> {
    let mut path = b"/".to_vec();
    for _ in 0..random.below(9) {
        if random.below(8) == 0 {
            // Envoy rejects a fragment before any other step.
            path.extend(Some(b'!' + random.below(94) as u8).filter(|byte| *byte != b'#'));
            continue;
        }
        path.extend_from_slice(random.pick(&[
            b"/",
            b"/",
            b"/",
            b"\\",
            b".",
            b".",
            b"..",
            b"/..",
            b"/../",
            b"/.",
            b"%",
            b"%",
            b"%2",
            b"%2e",
            b"%2E",
            b"%2f",
            b"%2F",
            b"%5c",
            b"%5C",
            b"%25",
            b"%30",
            b"%33",
            b"%41",
            b"%61",
            b"%7e",
            b"%00",
            b"%zz",
            b"%7c",
            b"%c3%a9",
            b"0",
            b"3",
            b"5",
            b"a",
            b"b",
            b"A",
            b"F",
            b"g",
            b";",
            b";x",
            b"..;",
            b"~",
            b"-",
            b"_",
            b"|",
            b"\"",
            b"<",
            b"{",
            b"^",
            b"`",
            b"!",
            b"$&'()*+,=:@",
            b"[",
            b"?",
            b"?/../",
        ]));
    }
    path
}

/// Returns the path in the filters, or `None` if Envoy answers 400.
fn seen(client: &Client, connection: &mut Connection, path: &[u8]) -> Option<Vec<u8>> {
    let bytes = [b"GET ", path, b" HTTP/1.1\r\nhost: sample\r\n\r\n"].concat();
    let answer = connection.request(&bytes).expect("an answer");
    let Reply::Response(response) = answer else { panic!("{answer}: {}", String::from_utf8_lossy(path)) };
    if response.status == 400 {
        *connection = client.connect().expect("a connection");
        return None;
    }
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(path));
    Some(response.header("x-path").expect("the path").as_bytes().to_vec())
}

#[test]
fn normalized_path_equals_that_of_envoy() {
    if let Err(error) = palisade_envoy::fetch::binary() {
        return palisade_test_support::skip_unless_required(&format!("no Envoy: {error:#}"));
    }
    let listeners = PathNormalization::ALL.map(echo).to_vec();
    let envoy = Envoy::start(&Bootstrap::new(listeners)).expect("Envoy");
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let configured = std::env::var("PALISADE_PROPERTY_CASES").ok().and_then(|n| n.parse().ok());
    let paths: usize = configured.unwrap_or(PATHS);
    let mut tally = BTreeMap::new();
    for mode in PathNormalization::ALL {
        let name = mode.as_str();
        let client = Client::plaintext(envoy.port(name).expect("a port"));
        let mut connection = client.connect().expect("a connection");
        for _ in 0..paths {
            let path = path(&mut random);
            let ours = normalize_path(&path, mode, NormalizationVersion::default());
            let theirs = seen(&client, &mut connection, &path);
            let text = |path: Option<&Vec<u8>>| path.map(|p| String::from_utf8_lossy(p).into_owned());
            assert_eq!(text(ours.as_ref()), text(theirs.as_ref()), "{name} {:?}", text(Some(&path)));
            let kind = match ours {
                None => "refused",
                Some(after) if after == path => "unchanged",
                Some(_) => "changed",
            };
            *tally.entry((name, kind)).or_insert(0usize) += 1;
        }
    }
    assert!(tally.iter().filter(|((_, kind), count)| *kind == "changed" && **count > paths / 2).count() == 3);
    print_uncaptured(&format!("paths in Envoy: {tally:?}, 0 differ"));
}
