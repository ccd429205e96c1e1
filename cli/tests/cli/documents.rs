//! The commands in documents print the output that the documents show.

use crate::folder::Folder;
use std::{fs, path::Path, process::Command};

/// Returns the fenced blocks of `kind` in the document `name`.
fn blocks(name: &str, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(name)).unwrap();
    let fence = format!("```{kind}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```\n").next().unwrap().to_owned()).collect()
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn commands_of_dns_page_print_its_output() {
    let [answers] = &blocks("docs/dns.md", "yaml")[..] else {
        panic!("one YAML block is the series of answers")
    };
    let folder = Folder::new(&[("answers.yaml", answers.as_bytes())]);
    std::os::unix::fs::symlink(root().join("policies"), folder.path("policies")).unwrap();
    let mut ran = 0;
    for block in blocks("docs/dns.md", "console") {
        let block = block.replace("\\\n", "");
        let (command, printed) = block.split_once('\n').unwrap();
        let arguments: Vec<&str> = command
            .strip_prefix("$ palisade ")
            .unwrap()
            .split_whitespace()
            .map(|a| a.trim_matches('\''))
            .collect();
        if arguments[0] == "dns-proxy" {
            continue;
        }
        let output = folder.run_with(&arguments, b"");
        assert_eq!(output.out.trim_end(), printed.trim_end(), "{command}\n{}", output.err);
        ran += 1;
    }
    assert_eq!(ran, 2);
}

/// The test starts the proxy with the command of the page, but on free ports, and ends it with a signal.
#[test]
fn proxy_starts_with_command_of_dns_page() {
    let blocks = blocks("docs/dns.md", "console");
    let block =
        blocks.iter().find(|block| block.starts_with("$ palisade dns-proxy")).unwrap().replace("\\\n", "");
    let (command, printed) = block.split_once('\n').unwrap();
    let command = command.replace("127.0.0.1:5353", "127.0.0.1:0");
    let arguments = command.strip_prefix("$ palisade ").unwrap().split_whitespace();
    let mut child = Command::new(env!("CARGO_BIN_EXE_palisade"))
        .args(arguments)
        .args(["--http", "127.0.0.1:0"])
        .current_dir(root())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let without_ports = |text: &str| {
        let text = text.replace(|c: char| c.is_ascii_digit(), "");
        text.trim_end().to_owned()
    };
    assert_eq!(without_ports(&line), without_ports(printed));
}
