//! `expect:`, `layers:`, `protocol:`, `options:`.

use core::{fmt, str::FromStr};
use palisade::{OptionError, Options, Profile, Protocol, Verdict};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

/// A value that case files write as its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named<T>(pub(crate) T);

impl<'de, T> Deserialize<'de> for Named<T>
where
    T: FromStr,
    T::Err: fmt::Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

/// The expectation of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// This verdict on a flow.
    Verdict(Verdict),
    /// A file that must load.
    Valid,
    /// A file that must be rejected.
    Invalid,
}

impl Expect {
    /// Returns the name of the expectation in case files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verdict(verdict) => verdict.as_str(),
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }
}

impl FromStr for Expect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let verdicts = Verdict::ALL.into_iter().map(Self::Verdict);
        let all: Vec<Self> = verdicts.chain([Self::Invalid, Self::Valid]).collect();
        let found = all.iter().copied().find(|expect| expect.as_str() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|expect| expect.as_str()).collect();
            format!("unknown expectation `{text}`, expected one of {}", names.join(", "))
        })
    }
}

/// `protocol:`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProtocolSpec(pub(crate) Protocol);

impl<'de> Deserialize<'de> for ProtocolSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Protocol::parse(&name).map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "unknown protocol `{name}`, expected TCP, UDP, SCTP, ICMP, ICMPv6 or another protocol that policies can \
                 name, such as GRE"
            ))
        })
    }
}

/// A value of `extAuthz:`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderAnswer {
    Allow,
    Deny,
}

/// `options:`, checked on its own; merged with those of the file before use.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionsSpec(Map<String, Value>);

impl<'de> Deserialize<'de> for OptionsSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        // The check here gives the error a position in the file.
        match Options::from_fields(&map) {
            Ok(_) => Ok(Self(map)),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl OptionsSpec {
    /// Returns these options, with those of the file where a case does not set them.
    pub(crate) fn over(&self, file: &Self, profile: Option<Profile>) -> Result<Options, OptionError> {
        let mut map = file.0.clone();
        map.extend(self.0.clone());
        let mut options = Options::from_fields(&map)?;
        if let Some(profile) = profile {
            options.profile = profile;
        }
        Ok(options)
    }
}
