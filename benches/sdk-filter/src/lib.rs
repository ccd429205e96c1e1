//! A filter with the proxy-wasm SDK for Rust that lets every request pass; `cargo xtask bench envoy` compares Palisade with it.

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, LogLevel},
};

struct Filter;

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if cfg!(feature = "read") {
            // The smallest number of calls that return method, path and principal: all headers at once cost less than two calls.
            core::hint::black_box(self.get_http_request_headers_bytes());
            core::hint::black_box(self.get_property(vec!["connection", "uri_san_peer_certificate"]));
        }
        Action::Continue
    }
}

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Warn);
    proxy_wasm::set_http_context(|_, _| Box::new(Filter));
}}
