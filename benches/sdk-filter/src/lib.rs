//! A filter by the SDK for Rust that lets every request pass: `cargo xtask bench envoy` puts ours beside it.

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::{Action, LogLevel},
};

struct Filter;

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if cfg!(feature = "read") {
            // The fewest calls that bring method, path and principal: all headers at once is cheaper than two.
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
