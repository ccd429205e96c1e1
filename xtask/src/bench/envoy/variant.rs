//! The compared variants, each with its own listener.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use palisade::export::{Chain, envoy_rbac};
use palisade::resource::Resources;
use palisade::{Cluster, Options, Workload};
use palisade_benches::{principal, requests::policy};
use palisade_envoy::certs::{Authority, Names};
use palisade_envoy::client::Client;
use palisade_envoy::config::{Http, Listener, Transport};
use palisade_envoy::process::Envoy;
use palisade_envoy::wasm::Plugin;
use serde_json::{Value, json};

use super::load::Load;
use crate::wasm;

pub(super) const TRUST_DOMAIN: &str = "cluster.local";

/// The filter before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filter {
    /// No filter: the base of all differences.
    None,
    /// No filter, a second time: its difference shows the noise of the measurement.
    NoneAgain,
    /// A filter of the proxy-wasm SDK that does nothing.
    SdkNothing,
    /// A filter of the proxy-wasm SDK that reads headers and the peer's identity.
    SdkReads,
    /// Native RBAC as istiod configures it, from `palisade::export`.
    Native,
    /// The shipped module with one policy, or none, that uses fewer attributes than principal, method and path.
    OnePolicy(Policy),
    /// The shipped module.
    Ours,
    /// Another build of the filter, by its number.
    Build(usize),
}

/// The attributes of the one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Policy {
    /// There is no policy.
    None,
    Method,
    MethodAndPath,
    Principal,
}

/// A filter and its number of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Variant {
    pub(super) filter: Filter,
    pub(super) policies: usize,
}

/// The modules of the wasm filters.
#[derive(Debug)]
pub(super) struct Modules {
    nothing: PathBuf,
    reads: PathBuf,
    ours: PathBuf,
    builds: Vec<PathBuf>,
}

impl Modules {
    pub(super) fn build() -> Result<Self> {
        Ok(Self {
            nothing: wasm::sdk_filter(&[], "sdk_nothing.wasm")?,
            reads: wasm::sdk_filter(&["read"], "sdk_reads.wasm")?,
            ours: wasm::run(&wasm::Options::default())?,
            builds: Vec::new(),
        })
    }

    /// Uses existing builds of the filter.
    pub(super) fn builds(builds: &[PathBuf]) -> Self {
        let none = PathBuf::new;
        Self { nothing: none(), reads: none(), ours: none(), builds: builds.to_vec() }
    }
}

impl Variant {
    /// Returns all variants; the filters with many policies once for each of `sizes`.
    pub(super) fn all(sizes: &[usize]) -> Vec<Self> {
        let passes = [Filter::None, Filter::NoneAgain, Filter::SdkNothing, Filter::SdkReads];
        let one_policy =
            [Policy::None, Policy::Method, Policy::MethodAndPath, Policy::Principal].map(Filter::OnePolicy);
        let once = passes.into_iter().chain(one_policy).map(|filter| Self { filter, policies: 1 });
        let decided = [Filter::Native, Filter::Ours];
        let decided = decided
            .iter()
            .flat_map(|filter| sizes.iter().map(|&policies| Self { filter: *filter, policies }));
        once.chain(decided).collect()
    }

    /// Returns the variants without a filter and with each of `count` builds.
    pub(super) fn builds(count: usize) -> Vec<Self> {
        let none = [Filter::None, Filter::NoneAgain].map(|filter| Self { filter, policies: 1 });
        let builds = (0..count).flat_map(|build| {
            // Without a policy, the filter reads no attribute: this is the minimum.
            [0, 100].map(|policies| Self { filter: Filter::Build(build), policies })
        });
        none.into_iter().chain(builds).collect()
    }

    /// Whether the variant is also measured with requests that no policy allows.
    pub(super) fn decides(self) -> bool {
        match self.filter {
            Filter::Native | Filter::Ours => true,
            Filter::Build(_) => self.policies > 0,
            _ => false,
        }
    }

    /// Returns the number of requests in a slice: about the same time for all variants, and enough to make the time of
    /// reading the clock negligible.
    pub(super) fn requests(self) -> usize {
        match (self.filter, self.policies) {
            (Filter::Native, 10_000..) => 48,
            (Filter::Native, 1_000..) => 320,
            _ => 1_600,
        }
    }

    fn name(self) -> String {
        let name = format!("{:?}-{}", self.filter, self.policies).to_lowercase();
        name.replace(['(', ')'], "-")
    }

    /// Returns the listener, with mutual TLS as in a mesh, so that the identity comes from a certificate.
    pub(super) fn listener(self, modules: &Modules, transport: &Transport) -> Result<Listener> {
        let wasm = |module: &Path, configuration: String| {
            let mut plugin = Plugin::new(module, configuration);
            // Its own VM, like the only plugin of a proxy.
            plugin.name = self.name();
            vec![plugin.http_filter()]
        };
        let filters = match self.filter {
            Filter::None | Filter::NoneAgain => Vec::new(),
            Filter::SdkNothing => wasm(&modules.nothing, String::new()),
            Filter::SdkReads => wasm(&modules.reads, String::new()),
            Filter::Native => self.rbac()?,
            Filter::OnePolicy(_) | Filter::Ours => wasm(&modules.ours, self.configuration().to_string()),
            Filter::Build(build) => {
                let module = modules.builds.get(build).context("unknown build")?;
                wasm(module, self.configuration().to_string())
            }
        };
        Ok(Listener::http(self.name(), transport.clone(), Http::with_filters(filters)))
    }

    fn policies(self) -> Vec<Value> {
        let part = |keep: &[&str]| {
            let mut rule = principal::one_rule(0);
            if let Some(fields) = rule.as_object_mut() {
                fields.retain(|field, _| keep.contains(&field.as_str()));
            }
            vec![policy("foo", "asks", "ALLOW", json!([rule]))]
        };
        match self.filter {
            Filter::OnePolicy(Policy::None) => Vec::new(),
            Filter::OnePolicy(Policy::Method) => {
                vec![policy("foo", "asks", "ALLOW", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]))]
            }
            Filter::OnePolicy(Policy::MethodAndPath) => part(&["to"]),
            Filter::OnePolicy(Policy::Principal) => part(&["from"]),
            _ => (0..self.policies).map(principal::one).collect(),
        }
    }

    fn configuration(self) -> Value {
        json!({
            "workload": {"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample"},
            "resources": self.policies(),
        })
    }

    fn rbac(self) -> Result<Vec<Value>> {
        let mut resources = Resources::default();
        for policy in self.policies() {
            resources.add(policy, Default::default()).map_err(|error| anyhow!("{error:?}"))?;
        }
        let (cluster, findings) = Cluster::new(resources);
        ensure!(findings.is_empty(), "{findings:?}");
        let sample = Workload::new("foo", [("app", "sample")], "sample");
        Ok(envoy_rbac(&cluster, &sample, Chain::Http, &Options::default()))
    }

    /// Opens connections of the client that the last policy allows.
    pub(super) fn load(self, envoy: &Envoy, authority: &Authority) -> Result<Load> {
        let last = self.policies.saturating_sub(1);
        let names = Names::workload(TRUST_DOMAIN, &format!("ns{last}"), &format!("sa{last}"));
        let identity = authority.issue(&names)?;
        let client = Client::tls(envoy.port(&self.name())?, authority, Some(&identity))?;
        Load::new(&client, &principal::hit(last).path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deciding_variants_exist_in_every_size() {
        let all = Variant::all(&[1, 10]);
        assert_eq!(all.len(), 8 + 2 * 2);
        assert_eq!(all.iter().filter(|variant| variant.decides()).count(), 4);
        assert!(all.iter().all(|variant| variant.requests() % super::super::load::CONNECTIONS == 0));
    }

    #[test]
    fn build_without_policies_has_no_denied_requests() {
        let all = Variant::builds(2);
        assert_eq!(all.len(), 2 + 2 * 2);
        assert_eq!(all.iter().filter(|variant| variant.decides()).count(), 2);
    }

    #[test]
    fn native_rbac_contains_every_policy() {
        let filters = Variant { filter: Filter::Native, policies: 7 }.rbac().unwrap();
        assert_eq!(filters.len(), 1);
        let policies = filters[0].pointer("/typedConfig/rules/policies").unwrap();
        assert_eq!(policies.as_object().unwrap().len(), 7);
    }
}
