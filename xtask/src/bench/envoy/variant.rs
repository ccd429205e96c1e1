//! What is compared: a listener each.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use palisade::export::{Chain, envoy_rbac};
use palisade::resource::Resources;
use palisade::{Cluster, Options, Workload};
use palisade_benches::{ask::policy, principal};
use palisade_envoy::certs::{Authority, Names};
use palisade_envoy::client::Client;
use palisade_envoy::config::{Http, Listener, Transport};
use palisade_envoy::process::Envoy;
use palisade_envoy::wasm::Plugin;
use serde_json::{Value, json};

use super::load::Load;
use crate::wasm;

pub(super) const TRUST_DOMAIN: &str = "cluster.local";

/// What stands before the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Filter {
    /// Nothing: all others are held against it.
    None,
    /// Nothing once more: how far from zero chance alone gets.
    NoneAgain,
    /// The SDK's filter that does nothing.
    SdkNothing,
    /// The SDK's filter that reads headers and the peer's identity.
    SdkReads,
    /// Envoy's RBAC as istiod would configure it, from our export.
    Native,
    /// The module that ships, with policies that look at less than principal, method and path.
    Asks(Asks),
    /// The module that ships.
    Ours,
    /// Another build of our filter, by its number.
    Build(usize),
}

/// What the one policy of our filter looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asks {
    /// There is none.
    Nothing,
    Method,
    MethodAndPath,
    Principal,
}

/// A filter and how many policies it has.
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

    /// Builds of our filter that are there already.
    pub(super) fn builds(builds: &[PathBuf]) -> Self {
        let none = PathBuf::new;
        Self { nothing: none(), reads: none(), ours: none(), builds: builds.to_vec() }
    }
}

impl Variant {
    /// All, those that decide once for each of `sizes`.
    pub(super) fn all(sizes: &[usize]) -> Vec<Self> {
        let passes = [Filter::None, Filter::NoneAgain, Filter::SdkNothing, Filter::SdkReads];
        let asks = [Asks::Nothing, Asks::Method, Asks::MethodAndPath, Asks::Principal].map(Filter::Asks);
        let once = passes.into_iter().chain(asks).map(|filter| Self { filter, policies: 1 });
        let decided = [Filter::Native, Filter::Ours];
        let decided = decided
            .iter()
            .flat_map(|filter| sizes.iter().map(|&policies| Self { filter: *filter, policies }));
        once.chain(decided).collect()
    }

    /// Builds of our filter beside no filter.
    pub(super) fn builds(count: usize) -> Vec<Self> {
        let none = [Filter::None, Filter::NoneAgain].map(|filter| Self { filter, policies: 1 });
        let builds = (0..count).flat_map(|build| {
            // Without a policy nothing is asked of Envoy; that is the floor.
            [0, 100].map(|policies| Self { filter: Filter::Build(build), policies })
        });
        none.into_iter().chain(builds).collect()
    }

    /// Whether it is asked for something that no policy allows, too.
    pub(super) fn decides(self) -> bool {
        match self.filter {
            Filter::Native | Filter::Ours => true,
            Filter::Build(_) => self.policies > 0,
            _ => false,
        }
    }

    /// How many requests a slice has: about the same time for all, but as many as to make reading the clock count
    /// for nothing.
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

    /// Its listener, with mutual TLS as in a mesh: an identity comes from a certificate.
    pub(super) fn listener(self, modules: &Modules, transport: &Transport) -> Result<Listener> {
        let wasm = |module: &Path, configuration: String| {
            let mut plugin = Plugin::new(module, configuration);
            // A VM of its own, as a plugin has that is the only one.
            plugin.name = self.name();
            vec![plugin.http_filter()]
        };
        let filters = match self.filter {
            Filter::None | Filter::NoneAgain => Vec::new(),
            Filter::SdkNothing => wasm(&modules.nothing, String::new()),
            Filter::SdkReads => wasm(&modules.reads, String::new()),
            Filter::Native => self.rbac()?,
            Filter::Asks(_) | Filter::Ours => wasm(&modules.ours, self.configuration().to_string()),
            Filter::Build(build) => {
                let module = modules.builds.get(build).context("a build that is not there")?;
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
            Filter::Asks(Asks::Nothing) => Vec::new(),
            Filter::Asks(Asks::Method) => {
                vec![policy("foo", "asks", "ALLOW", json!([{"to": [{"operation": {"methods": ["GET"]}}]}]))]
            }
            Filter::Asks(Asks::MethodAndPath) => part(&["to"]),
            Filter::Asks(Asks::Principal) => part(&["from"]),
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

    /// Open connections of the one whom the last policy allows.
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
    fn what_decides_comes_in_every_size() {
        let all = Variant::all(&[1, 10]);
        assert_eq!(all.len(), 8 + 2 * 2);
        assert_eq!(all.iter().filter(|variant| variant.decides()).count(), 4);
        assert!(all.iter().all(|variant| variant.requests() % super::super::load::CONNECTIONS == 0));
    }

    #[test]
    fn a_build_is_asked_for_what_it_denies_only_where_it_has_policies() {
        let all = Variant::builds(2);
        assert_eq!(all.len(), 2 + 2 * 2);
        assert_eq!(all.iter().filter(|variant| variant.decides()).count(), 2);
    }

    #[test]
    fn native_rbac_has_every_policy() {
        let filters = Variant { filter: Filter::Native, policies: 7 }.rbac().unwrap();
        assert_eq!(filters.len(), 1);
        let policies = filters[0].pointer("/typedConfig/rules/policies").unwrap();
        assert_eq!(policies.as_object().unwrap().len(), 7);
    }
}
