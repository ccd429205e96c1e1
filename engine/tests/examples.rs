//! Each example prints what its first comment says.
#![cfg(feature = "yaml")]
#![expect(clippy::unwrap_used, reason = "a failed example must fail the test")]

use core::error::Error;

#[path = "../examples/decide.rs"]
mod decide;
#[path = "../examples/dns_cache.rs"]
mod dns_cache;
#[path = "../examples/enforce_http.rs"]
mod enforce_http;
#[path = "../examples/explain.rs"]
mod explain;

/// Returns the output in the `console` block of `source`.
fn documented(source: &str) -> String {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut block = lines.map(str::trim_start).skip_while(|line| *line != "```console").skip(1);
    assert!(block.next().is_some_and(|command| command.starts_with("$ cargo run --example ")));
    block.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect()
}

fn assert_output(source: &str, run: impl Fn(&mut Vec<u8>) -> Result<(), Box<dyn Error>>) {
    let mut output = Vec::new();
    run(&mut output).unwrap();
    let output: String =
        String::from_utf8(output).unwrap().lines().map(|line| format!("{}\n", line.trim_start())).collect();
    assert_eq!(output, documented(source));
}

#[test]
fn decide_prints_documented_output() {
    assert_output(include_str!("../examples/decide.rs"), decide::run);
}

#[test]
fn explain_prints_documented_output() {
    assert_output(include_str!("../examples/explain.rs"), explain::run);
}

#[test]
fn enforce_http_prints_documented_output() {
    assert_output(include_str!("../examples/enforce_http.rs"), enforce_http::run);
}

#[test]
fn dns_cache_prints_documented_output() {
    assert_output(include_str!("../examples/dns_cache.rs"), dns_cache::run);
}
