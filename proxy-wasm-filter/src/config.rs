//! The plugin configuration: what it says, and clear errors where it says something else.

use crate::host::{Host, HostError};
use core::fmt;
use palisade::Workload;
use serde::{
    Deserialize, Deserializer,
    de::{self, value::MapAccessDeserializer},
};
use std::collections::BTreeMap;

/// The whole configuration. A field that is not known is an error: it may be one that denies.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Whom the policies are compiled for.
    pub workload: Whom,
    /// Settings of the mesh.
    #[serde(default)]
    pub mesh: Mesh,
    /// Which side of the workload the listener is on.
    #[serde(default)]
    pub direction: Direction,
    /// Where in the proxy the plugin stands.
    #[serde(default)]
    pub attachment: Attachment,
    /// Whether a denial denies.
    #[serde(default)]
    pub mode: Mode,
    /// Kubernetes objects.
    #[serde(default)]
    pub resources: Vec<serde_json::Value>,
    /// Kubernetes objects that are decided beside the others and never deny.
    #[serde(default)]
    pub shadow_resources: Vec<serde_json::Value>,
}

/// Where the workload's identity comes from.
#[derive(Clone, Debug)]
pub enum Whom {
    /// It is written here.
    Named(Identity),
    /// The proxy's node metadata has it.
    FromNode,
}

/// What policies select a workload by.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its service account.
    #[serde(default)]
    pub service_account: String,
}

/// Settings of the mesh; what is absent keeps Istio's default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mesh {
    /// Where policies for the whole mesh are.
    pub root_namespace: Option<String>,
    /// The mesh's own trust domain.
    pub trust_domain: Option<String>,
    /// Other names of it.
    #[serde(default)]
    pub trust_domain_aliases: Vec<String>,
    /// How the proxy normalizes paths before this filter runs.
    pub path_normalization: Option<PathNormalization>,
}

/// `meshConfig.pathNormalization`. The proxy does it; the filter only accepts the names.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are Istio's")]
pub enum PathNormalization {
    None,
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

/// Which side of the workload the listener is on.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Towards it.
    #[default]
    Inbound,
    /// Away from it.
    Outbound,
}

/// Where in the proxy the plugin stands. It has to be told, since contexts of the two kinds are made before the
/// proxy calls anything that would tell them apart. Where it is wrong the first stream kills the VM, and a plugin
/// with `failure_policy: FAIL_CLOSED`, the default, then lets nothing through.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Attachment {
    /// It is an HTTP filter (`envoy.filters.http.wasm`): requests are decided.
    #[default]
    Http,
    /// It is a network filter (`envoy.filters.network.wasm`): connections are decided.
    Tcp,
}

/// Whether a denial denies.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It is only logged and counted.
    Shadow,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// A message with line, column and what was expected.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err("the plugin configuration is empty; it needs at least `workload` and `resources` \
                        (`palisade bundle` writes it)"
                .to_owned());
        }
        serde_json::from_slice(bytes)
            .map_err(|error| format!("the plugin configuration cannot be read: {error}"))
    }

    /// The workload that policies are compiled for.
    ///
    /// # Errors
    /// When the node is asked and does not say its namespace.
    pub fn workload(&self, host: &impl Host) -> Result<Workload, String> {
        let identity = match &self.workload {
            Whom::Named(identity) => identity.clone(),
            Whom::FromNode => node_identity(host)?,
        };
        let labels = identity.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        Ok(Workload::new(&identity.namespace, labels, &identity.service_account))
    }
}

fn node_identity(host: &impl Host) -> Result<Identity, String> {
    let read = |key: &str| {
        host.property(&["xds", "node", "metadata", key])
            .map_err(|HostError(status)| format!("node metadata `{key}` cannot be read: status {status}"))
    };
    let text = |key: &str, bytes: Vec<u8>| {
        String::from_utf8(bytes).map_err(|_| format!("node metadata `{key}` is not UTF-8"))
    };
    let namespace = read("NAMESPACE")?.ok_or(
        "`workload` is `fromNode`, but the node has no metadata `NAMESPACE`; name the workload in the \
         configuration, or set it in the bootstrap",
    )?;
    let mut identity = Identity { namespace: text("NAMESPACE", namespace)?, ..Identity::default() };
    if let Some(labels) = read("LABELS")? {
        let labels =
            crate::header_map::HeaderMap::parse(labels).ok_or("node metadata `LABELS` is not a map")?;
        for (key, value) in labels.iter() {
            identity.labels.insert(text("LABELS", key.to_vec())?, text("LABELS", value.to_vec())?);
        }
    }
    if let Some(account) = read("SERVICE_ACCOUNT")? {
        identity.service_account = text("SERVICE_ACCOUNT", account)?;
    }
    Ok(identity)
}

impl<'de> Deserialize<'de> for Whom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Whom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`\"fromNode\"` or an object with `namespace`, `labels` and `serviceAccount`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Whom, E> {
                if text == "fromNode" {
                    Ok(Whom::FromNode)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Whom, A::Error> {
                Identity::deserialize(MapAccessDeserializer::new(map)).map(Whom::Named)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests;
