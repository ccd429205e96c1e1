//! `expect:`, `layers:`, `protocol:`, `options:`.

use palisade::{Layer, OptionError, Options, Outcome, Profile, Protocol, Verdict};
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

macro_rules! by_name {
    ($(#[$doc:meta])* $name:ident($inner:ty), $what:literal, $find:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) $inner);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let find: fn(&str) -> Option<$inner> = $find;
                find(&text).map(Self).ok_or_else(|| de::Error::custom(format!(concat!("`{}` is not ", $what), text)))
            }
        }
    };
}

/// What a case expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expect {
    /// This verdict on a flow.
    Verdict(Verdict),
    /// A file that must load.
    Valid,
    /// A file that must be refused.
    Invalid,
}

impl Expect {
    /// Its name in case files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verdict(verdict) => verdict.as_str(),
            Self::Valid => "valid",
            Self::Invalid => "invalid",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "valid" => Some(Self::Valid),
            "invalid" => Some(Self::Invalid),
            _ => text.parse().ok().map(Self::Verdict),
        }
    }
}

by_name!(
    /// `expect:`.
    ExpectText(Expect),
    "one of allow, deny, reject, needs-request, policy-error, ask, invalid, valid",
    Expect::parse
);
by_name!(
    /// A key of `layers:`.
    LayerText(Layer),
    "one of cilium-egress, cilium-ingress, peer-authentication, authorization-policy",
    |text| text.parse().ok()
);
by_name!(
    /// A value of `layers:`.
    OutcomeText(Outcome),
    "one of allow, deny, reject, needs-request, policy-error, ask, not-selected, outside",
    |text| text.parse().ok()
);
by_name!(
    /// `protocol:`.
    ProtocolText(Protocol),
    "one of TCP, UDP, SCTP, ICMP, ICMPv6 or another protocol that policies can name, such as GRE",
    Protocol::parse
);

/// `extAuthz:`'s values.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderAnswer {
    Allow,
    Deny,
}

/// `options:`, checked on its own; merged with those of the file before use.
#[derive(Clone, Debug, Default)]
pub(crate) struct OptionsText(Map<String, Value>);

impl<'de> Deserialize<'de> for OptionsText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        // Each half is checked by itself, so that the error is at its place in the file.
        match Options::from_fields(&map) {
            Ok(_) => Ok(Self(map)),
            Err(error) => Err(de::Error::custom(error)),
        }
    }
}

impl OptionsText {
    /// These options on top of those of the file.
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
