//! Case files as written: strict about unknown fields, so that a misspelt expectation is never skipped.

mod end;
mod event;
mod expect;
mod request;
mod scalar;

pub(crate) use end::{FromText, ToText};
pub(crate) use event::{EventText, check_times, events};
pub use expect::Expect;
pub(crate) use expect::{ExpectText, LayerText, OptionsText, OutcomeText, ProtocolText, ProviderAnswer};
pub(crate) use request::{GrpcText, HttpText, TokenText};
pub use request::{default_host, default_target, token};
pub(crate) use scalar::OneOrMany;

use palisade::Profile;
use serde::Deserialize;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileText {
    pub(crate) manifests: Option<OneOrMany<String>>,
    pub(crate) profile: Option<Profile>,
    #[serde(default)]
    pub(crate) options: OptionsText,
    pub(crate) cases: Vec<Spanned<CaseText>>,
}

/// One case.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CaseText {
    pub(crate) name: String,
    pub(crate) load: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) warnings: Option<OneOrMany<String>>,
    pub(crate) from: Option<FromText>,
    pub(crate) to: Option<ToText>,
    pub(crate) protocol: Option<ProtocolText>,
    pub(crate) icmp: Option<IcmpText>,
    pub(crate) http: Option<HttpText>,
    pub(crate) grpc: Option<GrpcText>,
    pub(crate) dns: Option<DnsText>,
    pub(crate) tls: Option<TlsText>,
    #[serde(default)]
    pub(crate) jwt: OneOrMany<TokenText>,
    #[serde(default)]
    pub(crate) after: Vec<EventText>,
    #[serde(default)]
    pub(crate) ext_authz: BTreeMap<String, ProviderAnswer>,
    pub(crate) expect: ExpectText,
    pub(crate) by: Option<String>,
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) layers: BTreeMap<LayerText, OutcomeText>,
    #[serde(default)]
    pub(crate) options: OptionsText,
    pub(crate) profile: Option<Profile>,
}

/// `icmp:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IcmpText {
    #[serde(rename = "type")]
    pub(crate) message_type: Option<u8>,
}

/// `dns:` of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DnsText {
    pub(crate) query: String,
    #[serde(rename = "type")]
    pub(crate) record_type: Option<String>,
}

/// `tls:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsText {
    pub(crate) sni: Option<String>,
}
