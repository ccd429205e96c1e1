//! Loading manifests from files.
#![expect(clippy::unwrap_used, clippy::string_slice, reason = "a failed setup must fail the test")]

use core::cell::RefCell;
use palisade::Options;
use palisade_manifests::{Access, Disk, Files, Manifests};
use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The files on disk, with the number of times that each is opened.
#[derive(Default)]
struct Counted(RefCell<BTreeMap<PathBuf, usize>>);

impl Files for Counted {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        *self.0.borrow_mut().entry(path.to_owned()).or_default() += 1;
        Disk.open(path)
    }
}

const POLICIES: &str = "\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: get, namespace: foo}
spec:
  rules:
  - to: [{operation: {methods: [GET]}}]
  - to: [{operation: {ports: [x]}}]
";
const CILIUM: &str = "\
apiVersion: v1
kind: List
items:
- apiVersion: cilium.io/v2
  kind: CiliumNetworkPolicy
  metadata: {name: net, namespace: foo}
  specs:
  - endpointSelector: {}
    egress:
    - toEntities: [world]
  - endpointSelector: {}
    egress:
    - toEntities: [host]
    - toEntities: [health]
";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("a.yaml"), POLICIES).unwrap();
    fs::write(folder.path().join("b.yaml"), CILIUM).unwrap();
    folder
}

fn load(folder: &TempDir) -> Manifests {
    Manifests::load(&[folder.path().to_owned()], &Access::default())
}

#[test]
fn each_file_is_opened_once() {
    let folder = folder();
    let files = Counted::default();
    // Both arguments contain a.yaml.
    let paths = [folder.path().to_owned(), folder.path().join("a.yaml")];
    let manifests = Manifests::load_with(&files, &paths, &Access::default());
    let findings = manifests.lint(&Options::default());
    assert!(findings.iter().any(|finding| finding.position.is_some()), "{findings:?}");
    for policy in &manifests.cluster.resources().authorization_policies {
        assert!(manifests.sources.object(&policy.origin).is_some());
        assert!(manifests.sources.field(&policy.origin, "spec.rules[0]").is_some());
    }
    let counts: Vec<usize> = files.0.borrow().values().copied().collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn object_is_that_of_the_file() {
    let folder = folder();
    let manifests = load(&folder);
    let policy = &manifests.cluster.resources().cilium_network_policies[0];
    assert_eq!(policy.origin.item, "items[0]");
    let object = manifests.sources.object(&policy.origin).unwrap();
    assert_eq!(object["specs"][1]["egress"][0]["toEntities"][0], "host");
    let origins = [&policy.origin, &manifests.cluster.resources().authorization_policies[0].origin];
    let kinds: Vec<_> =
        manifests.sources.objects(origins).iter().map(|object| object["kind"].clone()).collect();
    assert_eq!(kinds, ["AuthorizationPolicy", "CiliumNetworkPolicy"]);
}

#[test]
fn rule_has_path_and_position() {
    let folder = folder();
    let manifests = load(&folder);
    let resources = manifests.cluster.resources();
    let policy = resources.authorization_policies[0].reference();
    let rule = manifests.rule(&palisade::RuleId::new(policy, 1)).unwrap();
    assert_eq!(rule.path, "spec.rules[1]");
    assert_eq!(manifests.field(&rule).unwrap().position(), (7, 5));
    // The numbers continue over all `specs`.
    let policy = resources.cilium_network_policies[0].reference();
    let rule = manifests.rule(&palisade::RuleId::in_section(policy, "egress", 2)).unwrap();
    assert_eq!(rule.path, "specs[1].egress[1]");
    let field = manifests.field(&rule).unwrap();
    assert_eq!(field.position(), (14, 7));
    assert_eq!(&CILIUM[field.value.bytes()], "toEntities: [health]");
    let missing = palisade::RuleId::in_section(resources.cilium_network_policies[0].reference(), "egress", 3);
    assert_eq!(manifests.rule(&missing), None);
}
