//! Hot reload: policies change under load, in a file that Envoy watches.

use super::{head, http, plugin, policy, shipped, status};
use core::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use palisade_envoy::{
    client::{Client, Reply},
    config::{Bootstrap, Listener},
    process::Envoy,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Instant,
};

const RELOADS: u64 = 200;

/// Returns version `number`, which allows only `GET /vNUMBER`. Odd versions are invalid configurations.
fn listener(module: &PathBuf, number: u64, port: u16) -> Listener {
    let operation = json!({"methods": ["GET"], "paths": [format!("/v{number}")]});
    let rules = json!([{"to": [{"operation": operation}]}]);
    let mut resources = vec![policy("version", "ALLOW", rules)];
    if number % 2 == 1 {
        resources.push(json!({"kind": "AuthorizationPolicy", "apiVersion": "security.istio.io/v1",
                              "metadata": {"name": "bad"}, "spec": {"no-such-field": number}}));
    }
    let mut listener = http("filter", &plugin(module, json!({"resources": resources})));
    listener.port = port;
    listener
}

/// Replaces the file by renaming another one, because Envoy watches for renames.
fn publish(file: &Path, version: u64, content: &Value) {
    let scratch = file.with_extension(format!("{version}.new"));
    fs::write(&scratch, content.to_string()).unwrap();
    fs::rename(&scratch, file).unwrap();
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn reload_under_load_decides_each_request_by_one_version() {
    let Some(module) = shipped() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("listeners.json");
    let port = free_port();
    let write = |number: u64| {
        publish(
            &file,
            number,
            &Listener::discovery(&format!("{number}"), &[listener(&module, number, port)]),
        );
    };
    write(0);
    let bootstrap = Bootstrap { discovery: Some(file.clone()), ..Bootstrap::default() };
    let envoy = Envoy::start(&bootstrap).unwrap();
    let client = Client::plaintext(port);
    let get = |version: u64| client.request(head("GET", &format!("/v{version}")).as_bytes());
    let start = Instant::now();
    while !get(0).is_ok_and(|answer| matches!(answer, Reply::Response(response) if response.status == 200)) {
        assert!(start.elapsed() < Duration::from_secs(60), "the first version does not come into force");
        thread::sleep(Duration::from_millis(20));
    }

    // The last valid published version, and the version that is known to be in force.
    let (published, in_force) = (AtomicU64::new(0), AtomicU64::new(0));
    let (stop, asked, wrong) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    let load = || {
        while !stop.load(Ordering::SeqCst) {
            let before = in_force.load(Ordering::SeqCst);
            let allowed: Vec<u64> = (0..3)
                .map(|n| before + 2 * n)
                .filter(|version| {
                    // A rejected or reset connection is a lost request.
                    let answer = get(*version);
                    asked.fetch_add(1, Ordering::SeqCst);
                    match answer.as_ref().map(status) {
                        Ok(200) => true,
                        Ok(403) => false,
                        other => {
                            eprintln!("version {version}: {other:?}");
                            wrong.fetch_add(1, Ordering::SeqCst);
                            false
                        }
                    }
                })
                .collect();
            let after = published.load(Ordering::SeqCst);
            // No request is decided by a version that is unpublished or invalid, and POST is always denied.
            if allowed.iter().any(|version| *version > after) {
                wrong.fetch_add(1, Ordering::SeqCst);
            }
            let odd = get(before + 1).as_ref().map(status).unwrap_or(0);
            let post = client.request(head("POST", &format!("/v{before}")).as_bytes());
            asked.fetch_add(2, Ordering::SeqCst);
            if odd != 403 || post.as_ref().map(status).unwrap_or(0) != 403 {
                eprintln!("around version {before}: {odd}, {post:?}");
                wrong.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(load);
        }
        for number in 1..=RELOADS {
            let valid = number % 2 == 0;
            if valid {
                published.store(number, Ordering::SeqCst);
            }
            write(number);
            let start = Instant::now();
            let settled = || {
                if valid {
                    get(number).is_ok_and(|answer| status(&answer) == 200)
                } else {
                    let rejected = envoy.stats().unwrap()["listener_manager.lds.update_rejected"];
                    rejected >= number.div_ceil(2)
                }
            };
            while !settled() {
                if start.elapsed() > Duration::from_secs(60) {
                    stop.store(true, Ordering::SeqCst);
                    panic!("version {number} is not taken up");
                }
                thread::sleep(Duration::from_millis(2));
            }
            if valid {
                in_force.store(number, Ordering::SeqCst);
            } else if get(number - 1).as_ref().map(status).unwrap_or(0) != 200 {
                // The last valid version stays in force.
                wrong.fetch_add(1, Ordering::SeqCst);
            }
        }
        stop.store(true, Ordering::SeqCst);
    });

    let stats = envoy.stats().unwrap();
    assert_eq!(stats["listener_manager.lds.update_rejected"], RELOADS / 2);
    assert_eq!(stats["wasmcustom.palisade.errors"], RELOADS / 2);
    eprintln!(
        "{RELOADS} reloads, {} requests, {} wrong",
        asked.load(Ordering::SeqCst),
        wrong.load(Ordering::SeqCst)
    );
    assert_eq!(wrong.load(Ordering::SeqCst), 0);
}
