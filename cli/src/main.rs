//! `palisade`: may this request pass, which rule decided, and why.

mod command;
mod failure;
mod show;

use crate::{command::Command, show::text::Text};
use clap::Parser;
use palisade::visible;
use std::{env, io, process::ExitCode};

/// The standard output and the exit code of a command.
#[derive(Debug, Default)]
struct Output {
    text: Text,
    code: u8,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refused_arguments(error),
    };
    let output = match cli.command.run() {
        Ok(output) => output,
        Err(failure) => {
            failure.text().print_error();
            return ExitCode::from(2);
        }
    };
    match output.text.print() {
        // The reader of a pipe (`palisade .. | head`) may stop early.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Text::of(&[&"error: cannot write the output: ", &error]).print_error();
            ExitCode::from(2)
        }
        _ => ExitCode::from(output.code),
    }
}

/// Prints help, the version, or what is wrong with the arguments.
fn refused_arguments(error: clap::Error) -> ExitCode {
    // The message quotes arguments, so it is written about arguments whose characters are all visible.
    let arguments = env::args_os().map(|argument| visible(&argument.to_string_lossy()).into_owned());
    let error = Cli::try_parse_from(arguments).err().unwrap_or(error);
    let text = Text::rendered(&error.render().ansi().to_string());
    if error.use_stderr() {
        text.print_error();
    } else {
        // A reader that stops early is not a failure.
        let _ = text.print();
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
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
