//! `cargo xtask envoy`: a real Envoy with the filter, two policies and mutual TLS, to try or to check.

mod plugin;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};

use anyhow::{Context, Result, bail};
use clap::Args;
use core::time::Duration;
use palisade_envoy::certs::{Authority, Identity, Names};
use palisade_envoy::client::{Client, Reply};
use palisade_envoy::config::{BODY, Bootstrap, Http, Listener, Transport};
use palisade_envoy::process::Envoy;
use palisade_envoy::wasm::Plugin;

use self::plugin::TRUST_DOMAIN;
use crate::{wasm, workspace};

const LISTENER: &str = "sample";
/// The body of a denial by native RBAC and by the filter.
const DENIED: &str = "RBAC: access denied";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Send the three requests, print the results and exit
    #[arg(long)]
    pub(crate) once: bool,
}

struct Mesh {
    authority: Authority,
    sample: Identity,
    sleep: Identity,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let module = wasm::run(&wasm::Options::default())?;
    let folder = workspace::target_dir().join("envoy").join("run");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let folder = folder.canonicalize()?;

    let mesh = Mesh::new(&folder)?;
    let plugin = Plugin::new(module, plugin::configuration()?.to_json().to_string());
    let listener = Listener::http(
        LISTENER,
        Transport::mutual_tls(&mesh.authority, &mesh.sample),
        Http::with_filters(vec![plugin.http_filter()]),
    );
    let envoy = Envoy::start_in(&Bootstrap::new(vec![listener]), &folder)?;
    if options.once { check(&envoy, &mesh) } else { serve(envoy, &folder) }
}

impl Mesh {
    fn new(folder: &Path) -> Result<Self> {
        let authority = Authority::new(TRUST_DOMAIN)?;
        // In a mesh, a certificate contains only the SPIFFE ID, but curl also requires a host name.
        let mut names = Names::workload(TRUST_DOMAIN, "foo", "sample");
        names.dns.push("localhost".to_owned());
        let sample = authority.issue(&names)?;
        let sleep = authority.issue(&Names::workload(TRUST_DOMAIN, "foo", "sleep"))?;
        authority.write(folder)?;
        sample.write(folder, "sample")?;
        sleep.write(folder, "sleep")?;
        Ok(Self { authority, sample, sleep })
    }
}

fn check(envoy: &Envoy, mesh: &Mesh) -> Result<()> {
    let port = envoy.port(LISTENER)?;
    let sleep = Client::tls(port, &mesh.authority, Some(&mesh.sleep))?;
    let get: &[u8] = b"GET / HTTP/1.1\r\nhost: sample.foo\r\n\r\n";
    let post: &[u8] = b"POST / HTTP/1.1\r\nhost: sample.foo\r\ncontent-length: 0\r\n\r\n";

    let seen = [
        ("GET with mutual TLS", sleep.request(get)?, Some((200, BODY))),
        ("POST with mutual TLS", sleep.request(post)?, Some((403, DENIED))),
        ("GET in plaintext", Client::plaintext(port).request(get)?, None),
    ];
    let mut wrong = 0;
    for (request, outcome, expected) in &seen {
        let verdict = if as_expected(outcome, *expected) { "ok" } else { "WRONG" };
        wrong += usize::from(verdict != "ok");
        println!("{verdict:<6}{request}: {outcome}");
    }
    if wrong > 0 {
        bail!(
            "{wrong} of {} answers are wrong\nhelp: Envoy's log is `{}`",
            seen.len(),
            envoy.log_path().display()
        );
    }
    Ok(())
}

fn as_expected(outcome: &Reply, expected: Option<(u16, &str)>) -> bool {
    match (outcome, expected) {
        (Reply::Response(response), Some((status, body))) => {
            response.status == status && response.body == body.as_bytes()
        }
        (Reply::Closed(_), None) => true,
        _ => false,
    }
}

fn serve(mut envoy: Envoy, folder: &Path) -> Result<()> {
    let port = envoy.port(LISTENER)?;
    let folder = folder.display();
    let curl = format!(
        "curl -i --cacert {folder}/ca.pem --cert {folder}/sleep.pem --key {folder}/sleep-key.pem \
         https://localhost:{port}/"
    );
    println!("foo/sample listens on 127.0.0.1:{port}; foo/sleep is the client. Try:\n");
    println!("# 200: allow-get-requests\n{curl}\n");
    println!("# 403, {DENIED}: no ALLOW rule matches\n{curl} -X POST\n");
    println!("# refused: plaintext\ncurl -i http://127.0.0.1:{port}/\n");
    println!("Envoy's log: {}\nCtrl-C ends it.", envoy.log_path().display());

    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Nothing receives a second signal.
        let _ = stop.send(());
    })?;
    while stopped.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Timeout) {
        // Ctrl-C also reaches Envoy, which may end first.
        if let Some(status) = envoy.ended()?.filter(|status| !status.success()) {
            bail!("Envoy ended ({status})\nhelp: its log is `{}`", envoy.log_path().display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use palisade_envoy::response::Response;

    use super::*;

    #[test]
    fn status_and_body_both_count() {
        let answer = |status, body: &str| {
            Reply::Response(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
        };
        let closed = Reply::Closed(String::new());
        assert!(as_expected(&answer(403, DENIED), Some((403, DENIED))));
        assert!(!as_expected(&answer(403, "no"), Some((403, DENIED))));
        assert!(!as_expected(&answer(200, BODY), None));
        assert!(as_expected(&closed, None));
        assert!(!as_expected(&closed, Some((200, BODY))));
    }
}
