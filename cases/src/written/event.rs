//! `after:`.

use super::{
    end::ToText,
    scalar::{Ip, MAX_TIME, OneOrMany, Span},
};
use core::net::IpAddr;
use palisade::flow::{Event, Lookup, Place};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// One item of `after:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventText {
    Dns(Box<LookupText>),
    Wait(Span),
    /// A moment, counted from the beginning.
    At(Span),
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
    to: Target,
}

/// The address that a connection goes to: bare, or as the end that `to:` of a case is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target(IpAddr);

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Target;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an address, or `{ip: ADDRESS}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
                Ip::deserialize(de::value::StrDeserializer::new(text)).map(|Ip(ip)| Target(ip))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Target, A::Error> {
                let to = ToText::deserialize(MapAccessDeserializer::new(map))?;
                match to.place() {
                    Ok(Place::Ip(ip) | Place::Fqdn { ip: Some(ip), .. }) => Ok(Target(ip)),
                    Ok(_) => Err(de::Error::custom("a connection goes to an address: give its `ip`")),
                    Err(why) => Err(de::Error::custom(why)),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Time to live of an answer that names none.
const TTL: u32 = 300;
const DNS_PORT: u16 = 53;

/// Returns the events of `written`, in order.
pub(crate) fn events(written: Vec<EventText>) -> Result<Vec<Event>, String> {
    let events: Vec<Event> = written.into_iter().map(EventText::event).collect::<Result<_, _>>()?;
    check_times(&events)?;
    Ok(events)
}

/// Refuses a series of events whose end no clock can show.
pub(crate) fn check_times(events: &[Event]) -> Result<(), String> {
    let end = events.iter().fold(0, |now: u64, event| match event {
        Event::Wait(time) => now.saturating_add(*time),
        Event::WaitUntil(moment) => now.max(*moment),
        Event::Dns(_) | Event::Connect { .. } | Event::Close { .. } => now,
    });
    if end > MAX_TIME { Err("the times add up to more than 9007199254740991ms".to_owned()) } else { Ok(()) }
}

impl EventText {
    pub(crate) fn event(self) -> Result<Event, String> {
        Ok(match self {
            Self::Wait(Span(time)) => Event::Wait(time),
            Self::At(Span(moment)) => Event::WaitUntil(moment),
            Self::Connect(Connection { from, to: Target(to) }) => Event::Connect { from, to },
            Self::Close(Connection { from, to: Target(to) }) => Event::Close { from, to },
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
