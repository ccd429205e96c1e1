//! The commands of docs/envoy.md and docs/istio.md run without changes.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Returns the `sh` blocks of a document as one script.
fn script(document: &str) -> String {
    let text = fs::read_to_string(root().join("docs").join(document)).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default()).collect()
}

/// Runs a script in a folder with the repository's policies and module, and with `envoy` and `palisade` in the path. Returns
/// its output.
fn run(script: &str, envoy: Option<&Path>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_palisade"), bin.join("palisade")).unwrap();
    symlink(root().join("policies"), folder.path().join("policies")).unwrap();
    symlink(root().join("target"), folder.path().join("target")).unwrap();
    if let Some(envoy) = envoy {
        // Without hot restart, because processes with hot restart share a memory region.
        let wrapper =
            format!("#!/bin/sh\nexec {} --disable-hot-restart --concurrency 1 \"$@\"\n", envoy.display());
        fs::write(bin.join("envoy"), wrapper).unwrap();
        Command::new("chmod").arg("+x").arg(bin.join("envoy")).status().unwrap();
    }
    let path = format!("{}:{}", bin.display(), env::var("PATH").unwrap());
    let script = format!("set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n{script}");
    let output = Command::new("bash")
        .args(["-c", &script])
        .env("PATH", path)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let log = fs::read_to_string(folder.path().join("envoy.log")).unwrap_or_default();
    assert!(output.status.success(), "{}\n{}\n{log}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn commands_of_istio_page_succeed() {
    let script = script("istio.md");
    assert!(script.matches("palisade bundle").count() >= 5);
    run(&script, None);
}

#[test]
fn commands_of_envoy_page_succeed() {
    if palisade_test_support::filter_module().is_none() {
        return;
    }
    let envoy = match palisade_envoy::fetch::binary() {
        Ok(envoy) => envoy,
        Err(error) => return palisade_test_support::skip_unless_required(&format!("no Envoy: {error:#}")),
    };
    let mut script = script("envoy.md");
    // The ports of the page can be in use on this machine.
    for port in ["15006", "15000", "8000"] {
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        script = script.replace(port, &free.to_string());
    }
    let printed = run(&script, Some(&envoy));

    for expected in ["hello", "HTTP/1.1 403 Forbidden", "RBAC: access denied", "palisade_denied{} 1"] {
        assert!(printed.contains(expected), "no `{expected}` in {printed}");
    }
}
