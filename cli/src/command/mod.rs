//! The subcommands, one file each.

mod accept;
mod bundle;
mod check;
mod completions;
mod dns_proxy;
mod export;
mod fqdn;
mod input;
mod lint;
mod test;

pub(crate) use check::{Stretch, Timeline};

use crate::{Output, failure::Failure};
use clap::Subcommand;

/// What `palisade` can do.
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
    pub(crate) fn run(self) -> Result<Output, Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run(),
            Self::Lint(lint) => lint.run(),
            Self::Fqdn(fqdn) => fqdn.run(),
            Self::DnsProxy(proxy) => proxy.run(),
            Self::Export(export) => export.run(),
            Self::Bundle(bundle) => bundle.run(),
            Self::Completions(completions) => completions.run(),
        }
    }
}
