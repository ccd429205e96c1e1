use super::*;
use crate::{
    fake::{Fake, OnlyGet},
    types::HostError,
};
use palisade_plugin_config::Mode;

fn compile(config: &Config, _: &Fake) -> Result<Compiled, ConfigError> {
    let compiled = Compiled { enforced: Box::new(OnlyGet), shadow: None };
    if config.resources.is_empty() { Ok(compiled) } else { Err(ConfigError::new("resource 0 is bad")) }
}

fn host(configuration: &str) -> Fake {
    Fake { configuration: configuration.into(), ..Fake::default() }
}

const VALID: &str = r#"{"workload": {"namespace": "foo"}}"#;

#[test]
fn valid_configuration_is_in_force() {
    let mut root = Root::default();

    assert!(root.plugin().is_none());
    assert!(root.configure(&host(VALID), compile));
    assert_eq!(root.plugin().unwrap().mode, Mode::Enforce);
}

#[test]
fn invalid_configuration_is_refused_with_reason_and_the_previous_one_stays() {
    let mut root = Root::default();
    root.configure(&host(VALID), compile);
    let before = root.plugin().unwrap();

    for (configuration, reason) in [
        ("", "is empty"),
        ("not: [valid", "line 1 column"),
        (r#"{"workload": {"namespace": "foo"}, "resources": [{}]}"#, "resource 0 is bad"),
        (r#"{"workload": {"namespace": "foo"}, "provider": {"cluster": ""}}"#, "`cluster` is empty"),
    ] {
        let host = host(configuration);
        assert!(!root.configure(&host, compile), "{configuration}");
        let logged = host.logged.borrow();
        assert_eq!(logged[0].0, LogLevel::Error);
        assert!(logged[0].1.contains(reason), "{logged:?}");
        assert_eq!(host.counter("palisade.errors"), 1);
        assert!(Rc::ptr_eq(&before, &root.plugin().unwrap()));
    }
}

#[test]
fn unreadable_configuration_is_refused() {
    let mut root = Root::default();
    let host = Fake { broken: Some(HostError(10)), ..host(VALID) };

    assert!(!root.configure(&host, compile));
    assert!(root.plugin().is_none());
}

#[test]
fn provider_without_entry_is_the_default_provider() {
    let mut root = Root::default();
    let text = r#"{"workload": {"namespace": "foo"}, "provider": {"cluster": "any"},
                   "providers": {"opa": {"cluster": "own"}}}"#;
    root.configure(&host(text), compile);
    let plugin = root.plugin().unwrap();

    assert_eq!(plugin.providers.get("opa").unwrap().cluster, "own");
    assert_eq!(plugin.providers.get("other").unwrap().cluster, "any");
}
