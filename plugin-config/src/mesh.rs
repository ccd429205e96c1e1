//! Settings of the mesh.

use palisade::resource::istio::{MeshConfig, PathNormalization};
use serde::{Deserialize, Serialize};

/// Settings of the mesh; an absent field keeps the value of the mesh ConfigMap among the resources, or Istio's default.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshSettings {
    /// The namespace whose policies apply to the whole mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_namespace: Option<String>,
    /// The trust domain of the mesh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_domain: Option<String>,
    /// Aliases of the trust domain.
    #[serde(default)]
    pub trust_domain_aliases: Vec<String>,
    /// How the proxy normalizes paths before the filter. The filter does not normalize them itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_normalization: Option<PathNormalization>,
}

impl MeshSettings {
    /// Overrides the fields of `mesh` that these settings have.
    pub fn apply_to(&self, mesh: &mut MeshConfig) {
        if let Some(namespace) = &self.root_namespace {
            mesh.root_namespace.clone_from(namespace);
        }
        if let Some(domain) = &self.trust_domain {
            mesh.trust_domain.clone_from(domain);
        }
        if !self.trust_domain_aliases.is_empty() {
            mesh.trust_domain_aliases.clone_from(&self.trust_domain_aliases);
        }
        if let Some(normalization) = self.path_normalization {
            mesh.path_normalization = normalization;
        }
    }
}

impl From<&MeshConfig> for MeshSettings {
    fn from(mesh: &MeshConfig) -> Self {
        Self {
            root_namespace: Some(mesh.root_namespace.clone()),
            trust_domain: Some(mesh.trust_domain.clone()),
            trust_domain_aliases: mesh.trust_domain_aliases.clone(),
            path_normalization: Some(mesh.path_normalization),
        }
    }
}
