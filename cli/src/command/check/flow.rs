//! The flow that the arguments of `check` describe.

use super::end::{self, Found};
use crate::failure::Failure;
use clap::Args;
use core::net::IpAddr;
use palisade::{
    Cluster, Protocol,
    flow::{
        Certificate, DnsLookup, End, Event, Flow, Headers, HttpRequest, HttpVersion, Lookup, Place, Tls,
        Token,
    },
};
use palisade_cases::{default_host, default_target, token};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is asked.
#[derive(Debug, Args)]
pub(super) struct FlowArgs {
    /// Who opens the connection: a pod (`foo/sleep`), an IP address, or `entity:NAME` (host, remote-node, world, health,
    /// init, ingress, unmanaged, kube-apiserver).
    #[arg(long, value_name = "END")]
    from: String,
    /// Where it goes: a pod, else a Service of that name (`foo/sample:8000`; `pod:..`, `service:..` or `gateway:..` to say
    /// which), a DNS name (`www.google.com:443`; the lookup is then the first step), an IP address, or `entity:NAME`. The
    /// port may be left out where the pod or Service has only one.
    #[arg(long, value_name = "END[:PORT]")]
    to: String,
    /// Transport protocol: TCP, UDP, SCTP, ICMP, ICMPv6.
    #[arg(long, default_value = "TCP")]
    protocol: String,

    /// HTTP method; GET where another argument makes it an HTTP request.
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    method: Option<String>,
    /// Path with query; `/` by default.
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    path: Option<String>,
    /// Host or :authority; by default the name of the destination.
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    host: Option<String>,
    /// A header line. May be repeated.
    #[arg(
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "HTTP request (without any of these: raw TCP)"
    )]
    headers: Vec<String>,
    /// The client address that the proxy trusts.
    #[arg(long, value_name = "IP", help_heading = "HTTP request (without any of these: raw TCP)")]
    remote_ip: Option<IpAddr>,
    /// A validated token as JSON: its claims; `"invalid": "expired"` and `"in": {"header": "x-token"}` as in case files.
    /// May be repeated.
    #[arg(long, value_name = "JSON", help_heading = "HTTP request (without any of these: raw TCP)")]
    jwt: Vec<String>,

    /// A URI SAN of the client certificate, such as spiffe://cluster.local/ns/foo/sa/sleep; means mutual TLS. May be
    /// repeated. By default that of the pod's service account.
    #[arg(long, value_name = "URI", help_heading = "Connection")]
    principal: Vec<String>,
    /// Plain text. By default, mutual TLS is used where both ends are in the mesh.
    #[arg(long, conflicts_with_all = ["mtls", "principal"], help_heading = "Connection")]
    plaintext: bool,
    /// Mutual TLS.
    #[arg(long, help_heading = "Connection")]
    mtls: bool,
    /// TLS server name that the client sends.
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    sni: Option<String>,

    /// What DNS taught the node before: `www.google.com=142.250.74.36,142.250.74.68@300` (addresses, seconds to live). May
    /// be repeated.
    #[arg(long, value_name = "NAME=IP[,IP][@TTL]", help_heading = "DNS")]
    dns: Vec<String>,
    /// Ask whether this name may be looked up at the DNS server that --to names.
    #[arg(long, value_name = "NAME", help_heading = "DNS", conflicts_with_all = ["method", "path", "host", "headers"])]
    query: Option<String>,

    /// What an external authorization provider answers: `NAME=allow` or `NAME=deny`. May be repeated.
    #[arg(long, value_name = "NAME=ANSWER", help_heading = "Connection")]
    ext_authz: Vec<String>,
}

/// The flow, what happened before, and remarks about how the arguments were read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) flow: Flow,
    pub(super) after: Vec<Event>,
    pub(super) remarks: Vec<String>,
    pub(super) title: String,
}

impl FlowArgs {
    pub(super) fn read(&self, cluster: &Cluster) -> Result<Asked, Failure> {
        let protocol = self.protocol()?;
        let from = end::from(cluster, &self.from)?;
        let Found { place: to, port, remark } = end::to(cluster, &self.to)?;
        let icmp = matches!(protocol, Protocol::Icmp | Protocol::Icmpv6);
        let port = port.or(self.query.as_ref().map(|_| 53)).filter(|_| !icmp);
        if port.is_none() && !icmp {
            let help = format!("add it: --to {}:PORT", self.to);
            return Err(Failure::argument(format!("`--to {}` leaves the port open", self.to), help));
        }
        let tokens = self.tokens()?;
        let http = self.http(&to, !tokens.is_empty())?;
        let certificate = (!self.principal.is_empty())
            .then(|| Certificate { uris: self.principal.clone(), ..Certificate::default() });
        let after = self.lookups(&from)?;
        let title = self.title(http.as_ref(), protocol, port);
        let mtls = match (self.mtls, self.plaintext) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        };
        let flow = Flow {
            from: End { place: from, mtls, certificate, mesh: None },
            to,
            to_mesh: None,
            port,
            protocol,
            icmp_type: None,
            http,
            dns: self.query.clone().map(|query| DnsLookup { query, record_type: "A".to_owned() }),
            tls: self.sni.clone().map(|sni| Tls { sni: Some(sni) }),
            tokens,
            ext_authz: self.answers()?,
        };
        Ok(Asked { flow, after, remarks: remark.into_iter().collect(), title })
    }

    fn protocol(&self) -> Result<Protocol, Failure> {
        let name = if self.query.is_some() && self.protocol == "TCP" { "UDP" } else { &self.protocol };
        Protocol::parse(name).ok_or_else(|| {
            let help = "one of TCP, UDP, SCTP, ICMP, ICMPv6, in capitals";
            Failure::argument(format!("no protocol `{name}`"), help)
        })
    }

    fn http(&self, to: &Place, with_token: bool) -> Result<Option<HttpRequest>, Failure> {
        let given = self.method.is_some()
            || self.path.is_some()
            || self.host.is_some()
            || self.remote_ip.is_some()
            || !self.headers.is_empty()
            || with_token;
        if !given {
            return Ok(None);
        }
        let headers = self.headers.iter().map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| {
                Failure::argument(
                    format!("`--header {line}` has no colon"),
                    "write it as --header 'x-user: alice'",
                )
            })?;
            // Other blanks are part of the value.
            let [name, value] = [name, value].map(|text| text.trim_matches([' ', '\t']));
            Ok((name.to_owned(), value.as_bytes().to_vec()))
        });
        let headers: Headers = headers.collect::<Result<_, Failure>>()?;
        let method = self.method.clone().unwrap_or_else(|| "GET".to_owned());
        let hosts = match &self.host {
            None if headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) => Vec::new(),
            host => vec![host.clone().unwrap_or_else(|| default_host(to))],
        };
        let target = match &self.path {
            Some(path) => path.clone().into_bytes(),
            None => default_target(&method, HttpVersion::default(), &hosts),
        };
        Ok(Some(HttpRequest {
            method,
            target,
            hosts,
            headers,
            remote_ip: self.remote_ip,
            ..HttpRequest::default()
        }))
    }

    fn tokens(&self) -> Result<Vec<Token>, Failure> {
        let read = |text: &String| {
            let wrong = |why: String| {
                let help = r#"write the claims as JSON: --jwt '{"iss": "https://issuer", "sub": "alice"}'"#;
                Failure::argument(format!("`--jwt`: {why}"), help)
            };
            match serde_json::from_str(text) {
                Ok(Value::Object(members)) => token(members).map_err(|error| wrong(error.to_string())),
                Ok(_) => Err(wrong("not a JSON object".to_owned())),
                Err(error) => Err(wrong(error.to_string())),
            }
        };
        self.jwt.iter().map(read).collect()
    }

    fn lookups(&self, from: &Place) -> Result<Vec<Event>, Failure> {
        let read = |text: &String| {
            let wrong = || {
                let help = "write it as --dns www.example.com=192.0.2.1,192.0.2.2@300";
                Failure::argument(format!("`--dns {text}` cannot be read"), help)
            };
            let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
            let (answers, ttl) = match rest.split_once('@') {
                None => (rest, 300),
                Some((answers, ttl)) => (answers, ttl.trim_end_matches('s').parse().map_err(|_| wrong())?),
            };
            let answers: Result<Vec<IpAddr>, _> = answers.split(',').map(|ip| ip.trim().parse()).collect();
            Ok(Event::Dns(Lookup {
                query: name.to_owned(),
                from: match from {
                    Place::Workload(name) => Some(name.clone()),
                    _ => None,
                },
                answers: answers.map_err(|_| wrong())?,
                ttl,
                cname: Vec::new(),
                rcode: None,
                server: None,
                learned: true,
            }))
        };
        self.dns.iter().map(read).collect()
    }

    fn answers(&self) -> Result<BTreeMap<String, bool>, Failure> {
        let read = |text: &String| match text.split_once('=') {
            Some((name, "allow")) => Ok((name.to_owned(), true)),
            Some((name, "deny")) => Ok((name.to_owned(), false)),
            _ => {
                let help = "write it as --ext-authz my-provider=allow";
                Err(Failure::argument(format!("`--ext-authz {text}` cannot be read"), help))
            }
        };
        self.ext_authz.iter().map(read).collect()
    }

    fn title(&self, http: Option<&HttpRequest>, protocol: Protocol, port: Option<u16>) -> String {
        let port = port.filter(|port| !self.to.ends_with(&format!(":{port}"))).map(|port| format!(":{port}"));
        let ends = format!("{} -> {}{}", self.from, self.to, port.unwrap_or_default());
        match (http, &self.query) {
            (Some(http), _) => {
                format!("{ends} {} {}", http.method, String::from_utf8_lossy(&http.target))
            }
            (None, Some(query)) => format!("{ends} lookup of {query}"),
            (None, None) => format!("{ends} {protocol}"),
        }
    }
}
