//! The plugin configuration of the workload `foo/sample` with policies from `policies/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use palisade::resource::istio::PathNormalization;
use palisade_plugin_config::{Config, MeshSettings, WorkloadSource, WorkloadSpec};
use serde_json::{Value, json};

use crate::workspace;

/// The trust domain of the mesh.
pub(super) const TRUST_DOMAIN: &str = "cluster.local";

const POLICIES: &str = "policies/aks-defense-in-depth/base";
const KIND: &str = "AuthorizationPolicy";

pub(super) fn configuration() -> Result<Config> {
    let workload = WorkloadSpec {
        namespace: "foo".to_owned(),
        labels: [("app".to_owned(), "sample".to_owned())].into(),
        service_account: "sample".to_owned(),
        role: None,
    };
    Ok(Config {
        mesh: MeshSettings {
            root_namespace: Some("aks-istio-system".to_owned()),
            trust_domain: Some(TRUST_DOMAIN.to_owned()),
            path_normalization: Some(PathNormalization::Base),
            ..MeshSettings::default()
        },
        resources: authorization_policies(&workspace::root().join(POLICIES))?,
        ..Config::new(WorkloadSource::Named(workload))
    })
}

fn authorization_policies(folder: &Path) -> Result<Vec<Value>> {
    let mut policies = Vec::new();
    for file in manifests(folder)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .with_context(|| format!("invalid YAML in `{}`", file.display()))?;
        policies.extend(documents.into_iter().filter(|object| object.get("kind") == Some(&json!(KIND))));
    }
    ensure!(!policies.is_empty(), "no {KIND} in `{}`", folder.display());
    Ok(policies)
}

fn manifests(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".yaml") && !name.ends_with(".cases.yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_yields_only_authorization_policies_of_manifests() {
        let folder = std::env::temp_dir().join(format!("palisade-xtask-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let two = "kind: Namespace\n---\nkind: AuthorizationPolicy\nmetadata: {name: a}\n";
        fs::write(folder.join("a.yaml"), two).unwrap();
        fs::write(folder.join("b.cases.yaml"), "kind: AuthorizationPolicy\n").unwrap();
        let policies = authorization_policies(&folder);
        fs::remove_dir_all(&folder).unwrap();
        let policies = policies.unwrap();
        assert_eq!(policies.len(), 1);
        assert_eq!(policies[0]["metadata"]["name"], "a");
    }

    #[test]
    fn missing_folder_is_named() {
        let error = authorization_policies(Path::new("no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"));
    }
}
