//! An Envoy with two listeners that differ only in the filter: the module or native RBAC.

use super::{engine, policies};

use palisade::{
    Options,
    export::{Chain, envoy_rbac},
};
use palisade_envoy::{
    client::{Client, Reply},
    config::{Bootstrap, Http, Listener, Transport},
    process::Envoy,
    wasm::Plugin,
};
use serde_json::{Value, json};

pub(super) struct Pair {
    envoy: Envoy,
    pub(super) wasm: Client,
    pub(super) rbac: Client,
}

impl Pair {
    /// Starts Envoy. Without the module or Envoy, the test is skipped.
    pub(super) fn start() -> Option<Self> {
        let module = palisade_test_support::filter_module()?;
        if let Err(error) = palisade_envoy::fetch::binary() {
            palisade_test_support::skip_unless_required(&format!("no Envoy: {error:#}"));
            return None;
        }
        let policies = policies();
        let (cluster, workload) = engine(&policies);
        let rbac = envoy_rbac(&cluster, &workload, Chain::Http, &Options::default());
        let configuration =
            json!({"workload": {"namespace": "foo", "labels": {"app": "sample"}}, "resources": policies});
        let plugin = Plugin::new(module, configuration.to_string());
        let envoy = Envoy::start(&Bootstrap::new(vec![
            listener("wasm", vec![plugin.http_filter()]),
            listener("rbac", rbac),
        ]))
        .expect("Envoy");
        let client = |name: &str| Client::plaintext(envoy.port(name).expect("a port"));
        let (wasm, rbac) = (client("wasm"), client("rbac"));
        Some(Self { envoy, wasm, rbac })
    }

    /// Checks that the VM of the first request still runs, and that it has denied as many requests as native RBAC.
    pub(super) fn lives(&self) {
        let answer = self.wasm.request(b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n");
        assert!(matches!(answer, Ok(Reply::Response(r)) if r.status == 200));
        let stats = self.envoy.stats().expect("statistics");
        let sum = |end: &str| -> u64 {
            let of = stats.iter().filter(|(name, _)| name.ends_with(end));
            of.map(|(_, value)| value).sum()
        };
        assert_eq!(sum(".palisade.denied"), sum("rbac.denied"), "{stats:?}");
        assert_eq!(sum(".palisade.errors"), 0);
        assert_eq!((sum(".vm_reload_success"), sum(".vm_reload_failure")), (0, 0));
        let log = self.envoy.log().expect("a log");
        assert!(!log.contains("VM failed") && !log.contains("panicked"), "{log}");
    }
}

/// Returns a listener whose codec accepts as much as possible.
fn listener(name: &str, filters: Vec<Value>) -> Listener {
    let mut http = Http::with_filters(filters);
    let extra = [
        ("common_http_protocol_options", json!({"max_headers_count": 2000})),
        ("http_protocol_options", json!({"accept_http_10": true, "default_host_for_http_10": "old"})),
        // A malformed request only ends its stream, because other streams share the connection.
        (
            "http2_protocol_options",
            json!({"allow_connect": true, "override_stream_error_on_invalid_http_message": true}),
        ),
        ("delayed_close_timeout", json!("0.1s")),
        ("max_request_headers_kb", json!(2048)),
        ("upgrade_configs", json!([{"upgrade_type": "websocket"}, {"upgrade_type": "CONNECT"}])),
    ];
    http.extra.extend(extra.map(|(name, value)| (name.to_owned(), value)));
    Listener::http(name, Transport::Plaintext, http)
}
