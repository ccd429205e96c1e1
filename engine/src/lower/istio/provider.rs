//! The mesh's extension providers by name, as istiod accepts or refuses them
//! (docs/semantics/istio.md#istio-provider-name).

use super::{ext_authz::AuthorizationService, service_host::MAX_LABEL};
use crate::resource::istio::Provider;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
};

/// The authorization services of a mesh, each with the reason for which istiod rejects it, if it does.
#[derive(Debug, Default)]
pub(crate) struct Providers<'m>(BTreeMap<&'m str, Result<AuthorizationService, String>>);

impl<'m> Providers<'m> {
    /// Checks `providers`. Those of other types, such as tracing, are left out.
    pub(crate) fn new(providers: &'m [Provider]) -> Self {
        let mut known: BTreeMap<&str, Result<AuthorizationService, String>> = BTreeMap::new();
        for provider in providers {
            let Some(service) = AuthorizationService::new(provider) else { continue };
            let name = provider.name.as_str();
            let service = match check_name(name) {
                _ if known.contains_key(name) => Err("the name is not unique".to_string()),
                Err(reason) => Err(reason),
                Ok(()) => service,
            };
            known.insert(name, service);
        }
        Self(known)
    }

    /// Checks `providers`, and the HTTP services `names` that the enforcing proxy defines itself. A provider of the mesh
    /// has precedence over a service of the same name.
    pub(crate) fn with_known(providers: &'m [Provider], names: &'m [String]) -> Self {
        let mut known = Self::new(providers);
        for name in names {
            if providers.iter().all(|provider| provider.name != *name) {
                known.0.insert(name, check_name(name).map(|()| AuthorizationService::of_proxy()));
            }
        }
        known
    }

    /// Returns the service with the name `name`.
    ///
    /// # Errors
    ///
    /// The provider is unknown or invalid. istiod then denies every request that a CUSTOM policy with this provider
    /// matches.
    pub(crate) fn get(&self, name: &str) -> Result<&AuthorizationService, &str> {
        match self.0.get(name) {
            None => Err("the mesh has no authorization provider of this name"),
            Some(service) => service.as_ref().map_err(String::as_str),
        }
    }

    /// Returns the providers that istiod rejects, each with the reason.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (&'m str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, service)| service.as_ref().err().map(|reason| (*name, reason.as_str())))
    }
}

/// Returns an error unless the name is a lower-case DNS label. istiod builds metadata keys from the name.
fn check_name(name: &str) -> Result<(), String> {
    let is_valid = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || name.len() > MAX_LABEL {
        return Err(format!("the name must have 1 to {MAX_LABEL} characters, got {}", name.len()));
    }
    if !name.bytes().all(is_valid) || name.starts_with('-') || name.ends_with('-') {
        return Err(format!("the name must be a lower-case DNS label, got `{name}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use serde_json::{Value, json};

    fn providers(names: &[&str]) -> Vec<Provider> {
        let settings = json!({"service": "ext/auth.example.com", "port": 80});
        let provider = |name: &&str| Provider {
            name: name.to_string(),
            envoy_ext_authz_http: Some(settings.clone()),
            ..Provider::default()
        };
        names.iter().map(provider).collect()
    }

    #[test]
    fn name_other_than_lower_case_dns_label_is_an_error() {
        for name in ["a", "0", "a-b", "a--b", &"a".repeat(63)] {
            assert!(Providers::new(&providers(&[name])).get(name).is_ok(), "{name}");
        }
        for name in ["", "A", "a_b", "a.b", "a/b", "a b", "-a", "a-", "\u{e9}", &"a".repeat(64)] {
            assert!(Providers::new(&providers(&[name])).get(name).is_err(), "{name}");
        }
    }

    #[test]
    fn duplicate_authorization_provider_is_refused() {
        let mut list = providers(&["a", "b", "a"]);
        list.push(Provider { name: "b".to_string(), ..Provider::default() });
        let known = Providers::new(&list);
        assert_eq!(known.refused().collect::<Vec<_>>(), [("a", "the name is not unique")]);
        assert!(known.get("b").is_ok());
        assert!(known.get("c").is_err());
    }

    #[test]
    fn known_provider_is_added_unless_the_mesh_defines_it() {
        let mut list = providers(&["a", "tracing"]);
        list[0].envoy_ext_authz_http = Some(json!({"service": "", "port": 80}));
        list[1].envoy_ext_authz_http = None;
        let names = ["a", "tracing", "b", "C"].map(String::from);
        let known = Providers::with_known(&list, &names);
        assert!(known.get("a").is_err());
        assert!(known.get("b").is_ok());
        assert!(known.get("tracing").is_err());
        assert!(known.get("C").is_err());
        assert!(known.get("d").is_err());
    }

    #[test]
    fn provider_of_two_types_is_refused() {
        let settings: Value = json!({"service": "a.b", "port": 80});
        let provider = Provider {
            name: "a".to_string(),
            envoy_ext_authz_http: Some(settings.clone()),
            envoy_ext_authz_grpc: Some(settings),
        };
        assert!(Providers::new(&[provider]).get("a").is_err());
    }
}
