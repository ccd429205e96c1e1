//! The command `palisade`: decides requests, runs case files and validates policies.

mod command;
mod failure;
mod output;
mod report;
mod show;
mod timeline;

use crate::{command::Command, show::text::Text};
use clap::{CommandFactory, Parser};
use palisade::visible;
use std::{env, io, process::ExitCode};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return reject_arguments(error),
    };
    let output = match cli.command.run(Cli::command) {
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

/// Prints the help, the version or the error in the arguments.
fn reject_arguments(error: clap::Error) -> ExitCode {
    // The message quotes arguments, so their invisible characters are escaped first.
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

/// Decides whether Istio, Cilium and Kubernetes policies allow a request, without a cluster.
///
/// Palisade reads the YAML that kubectl reads: the policies, and the
/// resources that they refer to (Namespace, Pod, Deployment, Service and
/// others). It reports allow or deny, the layer and the rule that decide,
/// and the nearest rule that does not match. It connects to no cluster.
///
/// The layers, in order; the first one that denies decides:
///
///   cilium-egress         network policies of the source
///   cilium-ingress        network policies of the destination
///   peer-authentication   mutual TLS
///   authorization-policy  Istio AuthorizationPolicies of the destination
///
/// Example:
///
///     palisade check -f manifests/ --from foo/sleep --to foo/sample:8000 \
///         --method GET --path /status
#[derive(Debug, Parser)]
#[command(name = "palisade", version, max_term_width = 80, after_help = EXIT_CODES, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes:
  0  allowed, all cases passed, or no problems found
  1  denied, a case failed, or problems found
  2  invalid input; the message gives file, line, field and help";
