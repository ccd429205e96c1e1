//! Restarts: restored and rejected state, and errors that prevent the start.

use crate::{
    proxy::{Proxy, folder},
    upstream::Upstream,
};
use core::net::SocketAddr;
use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output},
};

const STATE: [&str; 2] = ["--state", "names"];

#[tokio::test(flavor = "multi_thread")]
async fn recorded_addresses_survive_a_restart() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let start = || Proxy::start(folder.path(), "foo/sleep", upstream.address, &STATE);
    let proxy = start();
    assert!(proxy.event("empty")["detail"].as_str().unwrap().contains("names"));
    proxy.resolve("www.example.com.", false).await.unwrap();
    proxy.resolve("short.example.com.", false).await.unwrap();
    proxy.http("PUT", "/v1/connections/203.0.113.20", "").await;
    proxy.terminate("-TERM");
    upstream.take_names();
    tokio::time::sleep(core::time::Duration::from_millis(1_100)).await;

    let proxy = start();
    assert_eq!(proxy.event("restored")["detail"], "2 addresses of names");
    assert_eq!(proxy.connect("203.0.113.10", 443).await, "allow", "the answer has not expired");
    assert_eq!(proxy.connect("203.0.113.20", 443).await, "allow", "the connection is open");
    assert_eq!(upstream.take_names(), [""; 0], "no lookup was repeated");
    proxy.http("DELETE", "/v1/connections/203.0.113.20", "").await;
    assert_eq!(proxy.connect("203.0.113.20", 443).await, "deny");
    proxy.terminate("-TERM");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_state_leaves_the_cache_empty() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    let start = || Proxy::start(folder.path(), "foo/sleep", upstream.address, &STATE);
    let proxy = start();
    proxy.resolve("www.example.com.", false).await.unwrap();
    proxy.terminate("-TERM");
    let file = folder.path().join("names");
    let saved = fs::read(&file).unwrap();
    let mut changed = saved.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (bytes, why) in [
        (&saved[..saved.len() - 1], "truncated or corrupt"),
        (&changed[..], "truncated or corrupt"),
        (&b"something else"[..], "not a saved DNS cache"),
    ] {
        fs::write(&file, bytes).unwrap();
        let proxy = start();
        let message = proxy.event("not-restored");
        let message = message["detail"].as_str().unwrap();
        assert!(message.contains(why) && message.contains("the cache is empty"), "{message}");
        assert_eq!(proxy.connect("203.0.113.10", 443).await, "deny");
        proxy.resolve("www.example.com.", false).await.unwrap();
        assert_eq!(proxy.connect("203.0.113.10", 443).await, "allow");
        proxy.terminate("-TERM");
        let proxy = start();
        proxy.event("restored");
        assert_eq!(proxy.connect("203.0.113.10", 443).await, "allow");
        proxy.terminate("-TERM");
        let aside = files_with_prefix(folder.path(), "names.not-restored-");
        assert_eq!(aside.iter().map(|file| fs::read(file).unwrap()).collect::<Vec<_>>(), [bytes]);
        fs::remove_file(&aside[0]).unwrap();
    }
}

/// Returns the files in `folder` whose name starts with `prefix`.
fn files_with_prefix(folder: &Path, prefix: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with(prefix)).collect()
}

#[test]
fn untrusted_state_prevents_the_start_and_is_kept() {
    let folder = folder();
    let file = folder.path().join("names");
    let refused = |part: &str| {
        let output = run(folder.path(), "foo/sleep", "127.0.0.1:0".parse().unwrap(), &STATE);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains("`--state names`") && message.contains(part), "no `{part}` in {message}");
    };
    fs::write(&file, "state").unwrap();
    for mode in [0o666, 0o620] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        refused("other users can write it");
    }
    assert_eq!(fs::read(&file).unwrap(), b"state");
    let other = folder.path().join("other");
    fs::rename(&file, &other).unwrap();
    symlink(&other, &file).unwrap();
    refused("symbolic link");
    assert!(fs::symlink_metadata(&file).unwrap().is_symlink());
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    refused("not a regular file");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_killed_process_are_removed() {
    let (folder, upstream) = (folder(), Upstream::start().await);
    fs::write(folder.path().join(".names.abcdef.tmp"), "half a state").unwrap();
    let proxy = Proxy::start(folder.path(), "foo/sleep", upstream.address, &STATE);
    assert!(files_with_prefix(folder.path(), ".names.").is_empty());
    proxy.terminate("-TERM");
    assert!(
        files_with_prefix(folder.path(), ".names.").is_empty()
            && files_with_prefix(folder.path(), "names").len() == 1
    );
}

fn run(folder: &Path, pod: &str, listen: SocketAddr, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(["dns-proxy", "-f", "cluster.yaml", "--upstream", "127.0.0.1:1", "--http", "127.0.0.1:0"])
        .args(["--pod", pod, "--listen", &listen.to_string()])
        .args(more)
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn failed_start_reports_the_cause() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, free) = (taken.local_addr().unwrap(), "127.0.0.1:0".parse().unwrap());
    for (pod, listen, more, parts) in [
        ("foo/sleep", taken, &[][..], ["cannot listen on", "port 0 selects a free port"]),
        ("foo/nobody", free, &[], ["no workload `foo/nobody`", "help:"]),
        ("foo/sleep", free, &["--state", "none/names"], ["`--state none/names`", "in a folder that exists"]),
        ("foo/sleep", free, &["--server", "foo/nothing"], ["foo/nothing", "help:"]),
    ] {
        let output = run(folder.path(), pod, listen, more);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        for part in parts {
            assert!(message.contains(part), "no `{part}` in {message}");
        }
    }
}
