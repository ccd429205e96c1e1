//! `after:`.

use super::{
    end::ToSpec,
    scalar::{Ip, MAX_TIME, OneOrMany, Span},
};
use core::net::IpAddr;
use palisade::flow::{EndpointRef, Event, Lookup};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// One item of `after:`.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct EventSpec(EventKind);

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EventKind {
    Dns(Box<LookupSpec>),
    Wait(Span),
    /// A time since the start.
    At(Span),
    Connect(Connection),
    Close(Connection),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookupSpec {
    query: String,
    from: Option<String>,
    #[serde(default)]
    answers: OneOrMany<Ip>,
    ttl: Option<u32>,
    #[serde(default)]
    cname: OneOrMany<String>,
    rcode: Option<String>,
    server: Option<ToSpec>,
    #[serde(default)]
    learned: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Connection {
    from: String,
    to: Target,
}

/// The destination address of a connection: an address, or `to:` as in a case.
#[derive(Clone, Copy, Debug)]
struct Target(IpAddr);

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
                let to = ToSpec::deserialize(MapAccessDeserializer::new(map))?;
                match to.place() {
                    Ok(EndpointRef::Ip(ip) | EndpointRef::Fqdn { ip: Some(ip), .. }) => Ok(Target(ip)),
                    Ok(_) => Err(de::Error::custom("a connection goes to an address: give its `ip`")),
                    Err(why) => Err(de::Error::custom(why)),
                }
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// Time to live of an answer without `ttl`, in seconds.
const TTL: u32 = 300;
const DNS_PORT: u16 = 53;

/// Returns the events of `specs`, in order.
///
/// # Errors
///
/// An event is invalid, or the times are too long.
pub fn events(specs: Vec<EventSpec>) -> Result<Vec<Event>, String> {
    let events: Vec<Event> = specs.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
    check_times(&events)?;
    Ok(events)
}

/// Checks that the time after all events is a number that JSON can represent exactly.
///
/// # Errors
///
/// The times add up to more.
pub fn check_times(events: &[Event]) -> Result<(), String> {
    let end = events.iter().fold(0, |now: u64, event| match event {
        Event::Wait(time) => now.saturating_add(*time),
        Event::WaitUntil(moment) => now.max(*moment),
        Event::Dns(_) | Event::Connect { .. } | Event::Close { .. } => now,
    });
    if end > MAX_TIME { Err("the times add up to more than 9007199254740991ms".to_owned()) } else { Ok(()) }
}

impl TryFrom<EventSpec> for Event {
    type Error = String;

    fn try_from(EventSpec(kind): EventSpec) -> Result<Self, String> {
        Ok(match kind {
            EventKind::Wait(Span(time)) => Self::Wait(time),
            EventKind::At(Span(time)) => Self::WaitUntil(time),
            EventKind::Connect(Connection { from, to: Target(to) }) => Self::Connect { from, to },
            EventKind::Close(Connection { from, to: Target(to) }) => Self::Close { from, to },
            EventKind::Dns(lookup) => Self::Dns(Lookup {
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
