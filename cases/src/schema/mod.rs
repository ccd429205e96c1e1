//! The fields of case files. Unknown fields are errors, so that a misspelt expectation is never skipped.

mod end;
mod event;
mod expect;
mod request;
mod scalar;

pub(crate) use end::{FromSpec, ToSpec};
pub use event::{EventSpec, check_times, events};
pub use expect::Expect;
pub(crate) use expect::{Named, OptionsSpec, ProtocolSpec, ProviderAnswer};
pub(crate) use request::{GrpcSpec, HttpSpec, TokenSpec};
pub use request::{default_host, default_target, token};
pub(crate) use scalar::OneOrMany;

use palisade::{Layer, Outcome, Profile};
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSpec {
    pub(crate) manifests: Option<OneOrMany<String>>,
    pub(crate) profile: Option<Profile>,
    #[serde(default)]
    pub(crate) options: OptionsSpec,
    pub(crate) cases: Vec<Spanned<CaseSpec>>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaseSpec {
    pub(crate) name: String,
    pub(crate) load: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) warnings: Option<OneOrMany<String>>,
    pub(crate) from: Option<FromSpec>,
    pub(crate) to: Option<ToSpec>,
    pub(crate) protocol: Option<ProtocolSpec>,
    pub(crate) icmp: Option<IcmpSpec>,
    pub(crate) http: Option<HttpSpec>,
    pub(crate) grpc: Option<GrpcSpec>,
    pub(crate) dns: Option<DnsSpec>,
    pub(crate) tls: Option<TlsSpec>,
    #[serde(default)]
    pub(crate) jwt: OneOrMany<TokenSpec>,
    #[serde(default)]
    pub(crate) after: Vec<EventSpec>,
    #[serde(default)]
    pub(crate) ext_authz: BTreeMap<String, ProviderAnswer>,
    pub(crate) expect: Named<Expect>,
    pub(crate) by: Option<String>,
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) layers: BTreeMap<Named<Layer>, Named<Outcome>>,
    #[serde(default)]
    pub(crate) options: OptionsSpec,
    pub(crate) profile: Option<Profile>,
}

/// `icmp:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IcmpSpec {
    #[serde(rename = "type")]
    pub(crate) message_type: Option<u8>,
}

/// `dns:` of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsSpec {
    pub(crate) query: String,
    #[serde(rename = "type")]
    pub(crate) record_type: Option<String>,
}

/// `tls:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsSpec {
    pub(crate) sni: Option<String>,
}
