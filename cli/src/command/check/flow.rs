//! The flow that the arguments of `check` describe.

use crate::{
    command::endpoint::{self, Destination},
    failure::Failure,
};
use clap::Args;
use core::net::IpAddr;
use palisade::{
    Cluster, Protocol,
    flow::{
        Certificate, DnsLookup, EndpointRef, Event, Flow, FlowSource, Headers, HttpRequest, HttpVersion,
        Lookup, Tls, Token,
    },
};
use palisade_cases::{default_host, default_target, token};
use serde_json::Value;
use std::collections::BTreeMap;

/// The arguments that describe the flow.
#[derive(Debug, Args)]
pub(super) struct FlowArgs {
    /// Source: a pod (`foo/sleep`), an IP address or `entity:NAME`
    ///
    /// NAME is one of host, remote-node, world, health, init, ingress,
    /// unmanaged, kube-apiserver.
    #[arg(long, value_name = "SOURCE", verbatim_doc_comment)]
    from: String,
    /// Destination: a pod or Service (`foo/sample:8000`), a DNS name, an IP
    /// address or `entity:NAME`
    ///
    /// A name of both a pod and a Service is that of the pod. Write
    /// `service:foo/sample` for the Service, or `gateway:foo/gw` for a gateway.
    /// For a DNS name, the lookup is decided first.
    /// The port is optional if the pod or Service has only one.
    #[arg(long, value_name = "DESTINATION[:PORT]", verbatim_doc_comment)]
    to: String,
    /// Protocol: TCP, UDP, SCTP, ICMP, ICMPv6.
    #[arg(long, default_value = "TCP")]
    protocol: String,

    /// HTTP method; GET if another argument describes an HTTP request.
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    method: Option<String>,
    /// Path with query [default: /]
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    path: Option<String>,
    /// Host or :authority [default: the name of the destination]
    #[arg(long, help_heading = "HTTP request (without any of these: raw TCP)")]
    host: Option<String>,
    /// Header line, such as `x-user: alice`; repeatable.
    #[arg(
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "HTTP request (without any of these: raw TCP)"
    )]
    headers: Vec<String>,
    /// Client address that the proxy trusts.
    #[arg(long, value_name = "IP", help_heading = "HTTP request (without any of these: raw TCP)")]
    remote_ip: Option<IpAddr>,
    /// Claims of a token as JSON, such as `{"iss": "i", "sub": "s"}`; repeatable
    ///
    /// The members `invalid` and `in` are those of case files.
    #[arg(
        long,
        value_name = "JSON",
        help_heading = "HTTP request (without any of these: raw TCP)",
        verbatim_doc_comment
    )]
    jwt: Vec<String>,

    /// URI SAN of the client certificate; repeatable, implies mutual TLS
    ///
    /// The default is the identity of the pod's service account, such as
    /// spiffe://cluster.local/ns/foo/sa/sleep.
    #[arg(long, value_name = "URI", help_heading = "Connection", verbatim_doc_comment)]
    principal: Vec<String>,
    /// Use plain text [default: mutual TLS if both endpoints are in the mesh]
    #[arg(long, conflicts_with_all = ["mtls", "principal"], help_heading = "Connection")]
    plaintext: bool,
    /// Use mutual TLS.
    #[arg(long, help_heading = "Connection")]
    mtls: bool,
    /// TLS server name that the client sends.
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    sni: Option<String>,

    /// DNS answer before the flow, such as `www.google.com=142.250.74.36@300`;
    /// repeatable
    ///
    /// TTL is in seconds [default: 300].
    #[arg(long, value_name = "NAME=IP[,IP][@TTL]", help_heading = "DNS", verbatim_doc_comment)]
    dns: Vec<String>,
    /// Decide a lookup of NAME at the DNS server in --to.
    #[arg(long, value_name = "NAME", help_heading = "DNS", conflicts_with_all = ["method", "path", "host", "headers"])]
    query: Option<String>,

    /// Answer of an extension provider: `NAME=allow` or `NAME=deny`; repeatable.
    #[arg(long, value_name = "NAME=ANSWER", help_heading = "Connection")]
    ext_authz: Vec<String>,
}

/// The flow that the arguments describe.
#[derive(Debug)]
pub(super) struct RequestedFlow {
    pub(super) flow: Flow,
    /// The events before it.
    pub(super) after: Vec<Event>,
    /// Notes about ambiguous arguments.
    pub(super) notes: Vec<String>,
    pub(super) title: String,
}

impl FlowArgs {
    pub(super) fn read(&self, cluster: &Cluster) -> Result<RequestedFlow, Failure> {
        let protocol = self.protocol()?;
        let from = endpoint::source(cluster, &self.from)?;
        let Destination { place: to, port, note } = endpoint::destination(cluster, &self.to)?;
        let icmp = matches!(protocol, Protocol::Icmp | Protocol::Icmpv6);
        let port = port.or(self.query.as_ref().map(|_| 53)).filter(|_| !icmp);
        if port.is_none() && !icmp {
            let help = format!("add it: --to {}:PORT", self.to);
            return Err(Failure::argument(format!("missing port in `--to {}`", self.to), help));
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
            from: FlowSource { endpoint: from, mtls, certificate, mesh: None },
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
        Ok(RequestedFlow { flow, after, notes: note.into_iter().collect(), title })
    }

    fn protocol(&self) -> Result<Protocol, Failure> {
        let name = if self.query.is_some() && self.protocol == "TCP" { "UDP" } else { &self.protocol };
        Protocol::parse(name).ok_or_else(|| {
            let help = "one of TCP, UDP, SCTP, ICMP, ICMPv6, in capitals";
            Failure::argument(format!("unknown protocol `{name}`"), help)
        })
    }

    fn http(&self, to: &EndpointRef, with_token: bool) -> Result<Option<HttpRequest>, Failure> {
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
                    format!("invalid `--header {line}`: missing colon"),
                    "write it as --header 'x-user: alice'",
                )
            })?;
            // Other white space is part of the value.
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

    fn lookups(&self, from: &EndpointRef) -> Result<Vec<Event>, Failure> {
        let read = |text: &String| {
            let wrong = || {
                let help = "write it as --dns www.example.com=192.0.2.1,192.0.2.2@300";
                Failure::argument(format!("invalid `--dns {text}`"), help)
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
                    EndpointRef::Workload(name) => Some(name.clone()),
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
                Err(Failure::argument(format!("invalid `--ext-authz {text}`"), help))
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
