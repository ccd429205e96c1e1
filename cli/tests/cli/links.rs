//! The files that a command reads: no link out of the given folder, no device, and no file beyond the size limit.

use crate::folder::Folder;
use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

const POD: &[u8] = b"apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n";
/// The content of a file outside the folder. An error of the parser would quote its words.
const SECRET: &[u8] = b"kind: password-1\nmetadata: {name: password-2}\npassword-3: [\n";

fn folder() -> Folder {
    let folder = Folder::new(&[
        ("in/pod.yaml", POD),
        ("in/sub/other.yaml", b"apiVersion: v1\nkind: Pod\nmetadata: {name: db, namespace: shop}\n"),
        ("out/secret", SECRET),
        ("out/secret.yaml", SECRET),
        ("out/web.yaml", b"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"),
    ]);
    fs::create_dir(folder.path("in/links")).unwrap();
    folder
}

fn mkfifo(folder: &Folder, name: &str) {
    assert!(Command::new("mkfifo").arg(folder.path(name)).status().unwrap().success());
}

#[test]
fn link_out_of_the_folder_is_refused_without_reading_it() {
    for (target, name) in [
        ("../../out/secret", "in/links/x.yaml"),
        ("../../out/secret.yaml", "in/links/x.yaml"),
        ("../../out", "in/links/dir"),
        ("/dev/zero", "in/links/x.yaml"),
        ("/proc/self/environ", "in/links/x.json"),
        ("../sub/chain.yaml", "in/links/x.yaml"),
    ] {
        let folder = folder();
        if target.contains("chain") {
            symlink("../../out/secret", folder.path("in/sub/chain.yaml")).unwrap();
        }
        symlink(target, folder.path(name)).unwrap();
        for command in ["lint -f in", "check -f in --from shop/web --to shop/web:80"] {
            let ran = folder.run(command);
            ran.assert_error(2, &["error[link-out]", name, "is a link out of `in`", "--follow-links"]);
            assert!(!(ran.out + &ran.err).contains("password"), "{target}");
        }
    }
}

#[test]
fn link_inside_the_given_folders_is_followed() {
    let folder = folder();
    symlink("../sub/other.yaml", folder.path("in/links/x.yaml")).unwrap();
    symlink("../sub", folder.path("in/links/dir")).unwrap();
    folder.run("check -f in --from shop/web --to shop/db:80").assert_error(0, &[]);
    fs::create_dir(folder.path("second")).unwrap();
    symlink("../in/pod.yaml", folder.path("second/pod.yaml")).unwrap();
    folder.run("lint -f second").assert_error(2, &["link out of `second`"]);
    folder.run("lint -f second -f in").assert_error(0, &[]);
    symlink("in", folder.path("named")).unwrap();
    folder.run("lint -f named").assert_error(0, &[]);
    symlink("in/pod.yaml", folder.path("named.yaml")).unwrap();
    folder.run("lint -f named.yaml").assert_error(0, &[]);
}

#[test]
fn follow_links_reads_links_out_and_devices() {
    let folder = folder();
    symlink("../../out/web.yaml", folder.path("in/links/x.yaml")).unwrap();
    folder.run("lint -f in --follow-links").assert_error(0, &[]);
    symlink("/dev/null", folder.path("in/links/null.yaml")).unwrap();
    folder.run("lint -f in --follow-links").assert_error(0, &[]);
    folder.run("lint -f in").assert_error(2, &["in/links/null.yaml"]);
}

#[test]
fn device_socket_and_fifo_are_errors_with_their_type() {
    let folder = folder();
    folder.run("lint -f /dev/zero").assert_error(2, &["error[not-a-file]", "`/dev/zero` is a device"]);
    folder.run("lint -f in -f /dev/null").assert_error(2, &["`/dev/null` is a device"]);
    folder
        .run("check -f in --from shop/web --to shop/web:80 --answers /dev/zero")
        .assert_error(2, &["is a device"]);
    mkfifo(&folder, "in/links/pipe.yaml");
    mkfifo(&folder, "in/links/other.pipe");
    let _socket = UnixListener::bind(folder.path("in/links/socket.yaml")).unwrap();
    for more in ["", " --follow-links"] {
        let ran = folder.run(&format!("lint -f in{more}"));
        ran.assert_error(2, &["`in/links/pipe.yaml` is a FIFO", "`in/links/socket.yaml` is a socket"]);
        assert!(!ran.err.contains("other.pipe"));
    }
    mkfifo(&folder, "x.cases.yaml");
    fs::create_dir(folder.path("cases")).unwrap();
    mkfifo(&folder, "cases/x.cases.yaml");
    folder.run("test cases").assert_error(2, &["`cases/x.cases.yaml` is a FIFO"]);
    folder.run("test /dev/zero").assert_error(2, &["`/dev/zero` is a device"]);
    #[cfg(feature = "stats")]
    {
        folder.run("bundle --stats --module /dev/zero").assert_error(2, &["`/dev/zero` is a device"]);
        folder
            .run("bundle --stats --module missing.wasm")
            .assert_error(2, &["cannot read `missing.wasm`", "cargo xtask wasm"]);
        let module = fs::File::create(folder.path("large.wasm")).unwrap();
        module.set_len((64 << 20) + 1).unwrap();
        folder.run("bundle --stats --module large.wasm").assert_error(2, &["more than 67108864 bytes"]);
    }
}

#[test]
fn pipe_in_arguments_is_read() {
    let folder = folder();
    let script = r#""$0" lint -f <(cat in/pod.yaml) && "$0" lint -f /dev/stdin < in/pod.yaml \
        && cat in/pod.yaml | "$0" lint -f /dev/stdin \
        && "$0" check -f in --from shop/web --to shop/web:80 --answers <(echo '- wait: 1s')"#;
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_palisade")])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let script = r#""$0" lint -f <(printf 'apiVersion: v1\nkind: Pod\nmetadata: {nam: 1}\n')"#;
    let output = Command::new("bash").args(["-c", script, env!("CARGO_BIN_EXE_palisade")]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("metadata: {nam: 1}"), "the line is quoted: {error}");
}

#[test]
fn case_file_reads_only_manifests_in_its_folder() {
    let run = |cases: &str| {
        let folder = folder();
        fs::write(folder.path("in/x.cases.yaml"), cases).unwrap();
        symlink("../out/secret.yaml", folder.path("in/link.yml")).unwrap();
        symlink("../out", folder.path("in/away")).unwrap();
        fs::rename(folder.path("in/pod.yaml"), folder.path("in/sub/pod.yaml")).unwrap();
        let ran = folder.run("test in/x.cases.yaml");
        assert!(!format!("{}{}", ran.out, ran.err).contains("password"), "{cases}: {ran:?}");
        ran
    };
    let case = "{name: n, from: {ip: 192.0.2.1}, to: {ip: 192.0.2.2, port: 1}, expect: allow}";
    for (manifests, part) in [
        ("/dev/zero", "`/dev/zero` is a device"),
        ("link.yml", "link out of"),
        ("away", "link out of"),
        ("away/secret.yaml", "link out of"),
        ("../out/secret", "not a manifest"),
        ("/etc/passwd", "not a manifest"),
        ("/proc/self/environ", "link out of"),
    ] {
        run(&format!("manifests: [{manifests}]\ncases:\n- {case}\n")).assert_error(2, &[part]);
        let ran = run(&format!("manifests: []\ncases:\n- {{name: n, load: {manifests}, expect: valid}}\n"));
        assert!(ran.code == 1 && ran.out.contains(part), "{ran:?}");
    }
    run(&format!("cases:\n- {case}\n")).assert_error(2, &["in/link.yml", "link out of"]);
    run(&format!("manifests: [sub, ../out/web.yaml]\ncases:\n- {case}\n")).assert_error(0, &[]);
}

#[test]
fn case_file_that_links_out_of_the_folder_is_refused() {
    let folder = folder();
    symlink("../out/secret", folder.path("in/x.cases.yaml")).unwrap();
    let ran = folder.run("test in");
    ran.assert_error(2, &["in/x.cases.yaml", "link out of `in`"]);
    assert!(!ran.err.contains("password"));
}

#[test]
fn endless_input_is_read_up_to_the_limit() {
    let folder = folder();
    let script = r#"yes 'a: b' | head -c 67108865 | "$0" lint -f -"#;
    let output = Command::new("bash")
        .args(["-c", script, env!("CARGO_BIN_EXE_palisade")])
        .current_dir(folder.path(""))
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(error.contains("error[too-large]"), "{error}");
}
