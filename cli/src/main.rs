//! `palisade`: may this request pass, which rule decided, and why.

mod command;
mod failure;
mod show;

use crate::command::Command;
use clap::Parser;
use std::{
    io::{self, Write},
    process::ExitCode,
};

/// What a command prints, and how it ends.
#[derive(Debug, Default)]
struct Output {
    text: String,
    code: u8,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = match cli.command.run() {
        Ok(output) => output,
        Err(failure) => {
            let _ = anstream::stderr().write_all(failure.to_string().as_bytes());
            return ExitCode::from(2);
        }
    };
    match write(&output.text) {
        // A reader that went away (`palisade .. | head`) has seen what it wanted.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(anstream::stderr(), "error: cannot write the output: {error}");
            ExitCode::from(2)
        }
        _ => ExitCode::from(output.code),
    }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Decides what Istio, Cilium and Kubernetes policies together say about one request, offline.
///
/// Palisade reads the YAML that kubectl takes: policies, and the cluster that they speak of (Namespace, Pod or
/// Deployment, Service, ServiceAccount, Node, Gateway, ...). It answers whether a request may pass, which layer and
/// which rule of which resource decided, and for a refusal what was nearly right. It talks to no cluster.
///
/// A flow passes four layers in this order, and the first that denies decides: cilium-egress (what the source may
/// reach), cilium-ingress (who may reach the destination), peer-authentication (mutual TLS), authorization-policy.
/// Kubernetes NetworkPolicy belongs to the first two.
#[derive(Debug, Parser)]
#[command(name = "palisade", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  allowed; every case passed; nothing found
  1  denied; a case failed; something was found
  2  the input is bad: the message names file, line, field and remedy";
