//! `palisade dns-proxy`.

use super::{
    endpoint,
    input::{self, Format, ManifestArgs, OptionArgs},
};
use crate::{failure::Failure, output::Output};
use clap::{Args, ValueEnum};
use core::{net::SocketAddr, time::Duration};
use palisade::{Cluster, DnsRefusal};
use palisade_dns_proxy::{Guard, Log, LogFormat, ProxyError, Settings, serve};
use std::path::PathBuf;

/// Runs a DNS proxy that decides, forwards and learns under the policy of one pod, as Cilium's does.
///
/// A lookup that policy forbids is refused; another one goes to --upstream, and its answer is held back until it is
/// learned. Then `GET /v1/connect?ip=..&port=..` of the HTTP endpoint says whether the pod may connect to an address now.
/// SIGTERM and SIGINT end it, and with --state what was learned survives.
///
/// Examples:
///
///     palisade dns-proxy -f manifests/ --pod foo/sleep --listen 127.0.0.1:5353 --upstream 127.0.0.1:5354
///     palisade dns-proxy -f manifests/ --pod foo/sleep --listen 127.0.0.1:0 --http 127.0.0.1:0 --upstream 9.9.9.9:53 --state names
///
/// Exit code 0: it was told to end. 2: the input is bad, an address is taken, or the state cannot be saved.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DnsProxy {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The pod whose policy counts (`foo/sleep`). Every lookup that comes in is one of its.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pod: String,
    /// Where lookups come in, by UDP and TCP. Port 0 picks a free one, which is printed.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5353")]
    listen: SocketAddr,
    /// The server that lookups go to.
    #[arg(long, value_name = "IP:PORT")]
    upstream: SocketAddr,
    /// Which server the upstream is for policy: a pod, Service or address (`kube-system/coredns:53`). By default the
    /// cluster's DNS, port 53.
    #[arg(long, value_name = "END[:PORT]")]
    server: Option<String>,
    /// Where the HTTP endpoint listens. Port 0 picks a free one, which is printed.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5380")]
    http: SocketAddr,
    /// File that keeps what was learned: read at the start, written at the end. It must belong to this user and nobody
    /// else may write it. Content that cannot be restored is kept under another name, and nothing is open.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// What a refused lookup gets; by default the option tofqdnsDnsRejectResponseCode.
    #[arg(long, value_enum, value_name = "CODE")]
    refuse_with: Option<Refusal>,
    /// Seconds that the upstream may take for an answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Seconds that a TCP client may take for a message, and for reading one.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    idle_timeout: u64,
    /// Most lookups in flight; further ones get SERVFAIL.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    max_lookups: u16,
    /// Most TCP connections, for each of lookups and HTTP. When all are in use, the client with the most of them loses
    /// the one that has been idle for longest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    #[command(flatten)]
    options: OptionArgs,
    /// How lines are written.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Refusal {
    /// REFUSED.
    Refused,
    /// NXDOMAIN, behind which resolvers go on with their next search domain.
    Nxdomain,
}

/// The port that a cluster's DNS has.
const DNS_PORT: u16 = 53;

impl DnsProxy {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let mut options = self.options.options()?;
        match self.refuse_with {
            Some(Refusal::Refused) => options.cilium.tofqdns_dns_reject_response_code = DnsRefusal::Refused,
            Some(Refusal::Nxdomain) => {
                options.cilium.tofqdns_dns_reject_response_code = DnsRefusal::NameError
            }
            None => {}
        }
        let manifests = input::valid(&self.manifests, &options)?;
        // The policies are needed until the process ends.
        let cluster: &'static Cluster = Box::leak(Box::new(manifests.cluster));
        let server =
            self.server.as_deref().map(|server| endpoint::destination(cluster, server)).transpose()?;
        let (server, port) = match server {
            Some(found) => (Some(found.place), found.port.unwrap_or(DNS_PORT)),
            None => (None, DNS_PORT),
        };
        let guard = Guard::new(cluster, options, &self.pod, server, port).map_err(|error| wrong(&error))?;
        let settings = Settings {
            listen: self.listen,
            upstream: self.upstream,
            http: self.http,
            state: self.state,
            timeout: Duration::from_secs(self.timeout),
            idle: Duration::from_secs(self.idle_timeout),
            max_lookups: self.max_lookups.into(),
            max_connections: self.max_connections.into(),
        };
        let format = match self.output {
            Format::Text => LogFormat::Text,
            Format::Json => LogFormat::Json,
        };
        let log = Log::new(format).map_err(|error| {
            Failure::argument(
                format!("cannot write the log: {error}"),
                "give a standard output that can be written",
            )
        })?;
        serve(guard, &settings, log).map_err(|error| wrong(&error))?;
        Ok(Output::default())
    }
}

fn wrong(error: &ProxyError) -> Failure {
    Failure::argument(error.to_string(), error.help())
}
