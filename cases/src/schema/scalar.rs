//! Small values with more than one notation.
//!
//! They have their own visitors because the errors of untagged enums have no position.

use core::{marker::PhantomData, net::IpAddr};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// One value, or a list of values.
#[derive(Clone, Debug)]
pub(crate) struct OneOrMany<T>(pub(crate) Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = items.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// Bytes: a string as UTF-8, or `{bytes: "00ff"}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Hex {
            bytes: String,
        }
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or `{bytes: \"hexadecimal\"}`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                Ok(Bytes(text.as_bytes().to_vec()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bytes, A::Error> {
                let Hex { bytes } = Hex::deserialize(MapAccessDeserializer::new(map))?;
                hex::decode(&bytes)
                    .map(Bytes)
                    .map_err(|error| de::Error::custom(format!("`{bytes}` is not hexadecimal: {error}")))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// An address; an IPv6 address may be in brackets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ip(pub(crate) IpAddr);

impl<'de> Deserialize<'de> for Ip {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(&text);
        bare.parse().map(Self).map_err(|_| de::Error::custom(format!("`{text}` is not an IP address")))
    }
}

/// Longest time span and latest moment, in milliseconds: every number up to it is exact in JSON. About 285,000 years.
pub(crate) const MAX_TIME: u64 = (1 << 53) - 1;

/// A time span in milliseconds, such as `10s`, `1h30m` or `500ms`; a bare number counts seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) u64);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let too_long = || de::Error::custom(format!("`{text}` is longer than {MAX_TIME}ms"));
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let milliseconds = text.parse().ok().and_then(|seconds: u64| seconds.checked_mul(1000));
            return milliseconds.filter(|time| *time <= MAX_TIME).map(Self).ok_or_else(too_long);
        }
        let span = match humantime::parse_duration(&text) {
            Ok(span) => span,
            Err(humantime::DurationError::NumberOverflow) => return Err(too_long()),
            Err(error) => {
                let message = format!("`{text}` is not a time span such as `10s`: {error}");
                return Err(de::Error::custom(message));
            }
        };
        let milliseconds = u64::try_from(span.as_millis()).ok().filter(|time| *time <= MAX_TIME);
        milliseconds.map(Self).ok_or_else(too_long)
    }
}
