//! The subcommands, one file each.

mod accept;
mod bundle;
mod check;
mod completions;
mod dns_proxy;
mod endpoint;
mod export;
mod fqdn;
mod input;
mod lint;
mod test;

use crate::{failure::Failure, output::Output};
use clap::Subcommand;

/// The subcommands of `palisade`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Check(Box<check::Check>),
    Test(test::Test),
    Lint(lint::Lint),
    Fqdn(fqdn::Fqdn),
    DnsProxy(Box<dns_proxy::DnsProxy>),
    Export(export::Export),
    Bundle(Box<bundle::Bundle>),
    Completions(completions::Completions),
}

impl Command {
    /// Runs the subcommand. `palisade` returns the definition of all arguments, for completion scripts.
    pub(crate) fn run(self, palisade: fn() -> clap::Command) -> Result<Output, Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Lint(lint) => lint.run(),
            Self::Fqdn(fqdn) => fqdn.run(),
            Self::DnsProxy(proxy) => proxy.run(),
            Self::Export(export) => export.run(),
            Self::Bundle(bundle) => bundle.run(),
            Self::Completions(completions) => Ok(completions.run(palisade())),
        }
    }
}
