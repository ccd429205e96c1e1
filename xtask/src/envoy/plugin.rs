//! The plugin configuration of the workload `foo/sample` with policies from `policies/`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::workspace;

/// The trust domain of the mesh.
pub(super) const TRUST_DOMAIN: &str = "cluster.local";

const POLICIES: &str = "policies/aks-defense-in-depth/base";
const KIND: &str = "AuthorizationPolicy";

pub(super) fn configuration() -> Result<Value> {
    let resources = authorization_policies(&workspace::root().join(POLICIES))?;
    Ok(json!({
        "workload": {"namespace": "foo", "labels": {"app": "sample"}, "serviceAccount": "sample"},
        "mesh": {
            "rootNamespace": "aks-istio-system",
            "trustDomain": TRUST_DOMAIN,
            "trustDomainAliases": [],
            "pathNormalization": "BASE",
        },
        "direction": "inbound",
        "mode": "enforce",
        "resources": resources,
        "shadowResources": [],
    }))
}

fn authorization_policies(folder: &Path) -> Result<Vec<Value>> {
    let mut policies = Vec::new();
    for file in manifests(folder)? {
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .with_context(|| format!("`{}` is not YAML", file.display()))?;
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
    fn only_authorization_policies_are_taken_and_case_files_are_not_manifests() {
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
    fn a_folder_that_is_not_there_is_named() {
        let error = authorization_policies(Path::new("no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"));
    }
}
