//! `after:`.

use super::{
    end::ToText,
    scalar::{Ip, OneOrMany, Span},
};
use palisade::flow::{Event, Lookup};
use serde::Deserialize;

/// One item of `after:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventText {
    Dns(Box<LookupText>),
    Wait(Span),
    Connect(Connection),
    Close(Connection),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupText {
    query: String,
    from: Option<String>,
    #[serde(default)]
    answers: OneOrMany<Ip>,
    ttl: Option<u32>,
    #[serde(default)]
    cname: OneOrMany<String>,
    rcode: Option<String>,
    server: Option<ToText>,
    #[serde(default)]
    learned: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Connection {
    from: String,
    to: Ip,
}

/// Time to live of an answer that names none.
const TTL: u32 = 300;
const DNS_PORT: u16 = 53;

impl EventText {
    pub(crate) fn event(self) -> Result<Event, &'static str> {
        Ok(match self {
            Self::Wait(Span(span)) => Event::Wait(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
            Self::Connect(Connection { from, to: Ip(to) }) => Event::Connect { from, to },
            Self::Close(Connection { from, to: Ip(to) }) => Event::Close { from, to },
            Self::Dns(lookup) => Event::Dns(Lookup {
                query: lookup.query,
                from: lookup.from,
                answers: lookup.answers.0.into_iter().map(|Ip(ip)| ip).collect(),
                ttl: lookup.ttl.unwrap_or(TTL),
                cname: lookup.cname.0,
                rcode: lookup.rcode,
                server: match lookup.server {
                    None => None,
                    Some(server) => {
                        let port = server.port.unwrap_or(DNS_PORT);
                        Some((server.place()?, port))
                    }
                },
                learned: lookup.learned,
            }),
        })
    }
}
