//! `palisade dns-proxy`.

use super::{
    endpoint,
    input::{self, Format, ManifestArgs, OptionArgs},
};
use crate::{failure::Failure, output::Output};
use clap::{Args, ValueEnum};
use core::{net::SocketAddr, time::Duration};
use palisade::DnsRefusal;
use palisade_dns_proxy::{Log, LogFormat, PodPolicy, ProxyError, Settings, serve};
use std::path::PathBuf;

/// Runs a DNS proxy that enforces the policies of one pod, as Cilium's DNS proxy does.
///
/// The proxy refuses a lookup that no policy allows, and forwards other lookups to --upstream. It records the addresses
/// of a response before the client receives it. `GET /v1/connect?ip=..&port=..` at the HTTP address decides whether the
/// pod may connect to an address now. SIGTERM and SIGINT end the process. The file of --state keeps the recorded addresses.
///
/// Examples:
///
///     palisade dns-proxy -f manifests/ --pod foo/sleep --listen 127.0.0.1:5353 --upstream 127.0.0.1:5354
///     palisade dns-proxy -f manifests/ --pod foo/sleep --listen 127.0.0.1:0 --http 127.0.0.1:0 --upstream 9.9.9.9:53 --state names
///
/// Exit code 0: a signal ended the process. 2: the input is invalid, an address is in use, or the state cannot be saved.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DnsProxy {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The pod that sends the lookups (`foo/sleep`). Its policies decide them.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    pod: String,
    /// Address for lookups over UDP and TCP. Port 0 selects a free port, which the proxy prints.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5353")]
    listen: SocketAddr,
    /// The DNS server that receives the allowed lookups.
    #[arg(long, value_name = "IP:PORT")]
    upstream: SocketAddr,
    /// The server that policies see: a pod, Service or address (`kube-system/coredns:53`). By default the DNS server of
    /// the cluster, port 53.
    #[arg(long, value_name = "ENDPOINT[:PORT]")]
    server: Option<String>,
    /// Address of the HTTP server. Port 0 selects a free port, which the proxy prints.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:5380")]
    http: SocketAddr,
    /// File with the recorded addresses, which the proxy reads at its start and writes at its end. It must belong to this
    /// user, and only this user may write it. If the content is invalid, the proxy starts without addresses and keeps the
    /// file under another name.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Response code of a refused lookup; by default the option tofqdnsDnsRejectResponseCode.
    #[arg(long, value_enum, value_name = "CODE")]
    refuse_with: Option<Refusal>,
    /// Time limit for a response of the upstream server, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Time limit of a TCP client to send a message, and to read one, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    idle_timeout: u64,
    /// Limit of concurrent lookups; further lookups get SERVFAIL.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..))]
    max_lookups: u16,
    /// Limit of TCP connections, for lookups and for HTTP each. At the limit, a new connection closes the longest idle one
    /// of the client with the most connections.
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    max_connections: u16,
    #[command(flatten)]
    options: OptionArgs,
    /// Format of the log.
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Refusal {
    /// REFUSED.
    Refused,
    /// NXDOMAIN, after which a resolver tries its next search domain.
    Nxdomain,
}

/// The port of a cluster's DNS server.
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
        let cluster = manifests.cluster;
        let server =
            self.server.as_deref().map(|server| endpoint::destination(&cluster, server)).transpose()?;
        let (server, port) = match server {
            Some(found) => (Some(found.place), found.port.unwrap_or(DNS_PORT)),
            None => (None, DNS_PORT),
        };
        let policy =
            PodPolicy::new(cluster, options, &self.pod, server, port).map_err(|error| wrong(&error))?;
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
        serve(policy, &settings, log).map_err(|error| wrong(&error))?;
        Ok(Output::default())
    }
}

fn wrong(error: &ProxyError) -> Failure {
    Failure::argument(error.to_string(), error.help())
}
