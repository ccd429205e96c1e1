//! The ConfigMaps that contain mesh settings, and the merge of several of them.

use super::{decode::decode, istio::MeshConfig, meta::Metadata};
use crate::diagnostic::Diagnostic;
use alloc::string::{String, ToString};
use serde_json::{Map, Value};

/// The namespace of the AKS add-on's istiod, which is also its root namespace.
const AKS_NAMESPACE: &str = "aks-istio-system";
/// The prefix of the name of a ConfigMap with user settings for the AKS add-on.
const AKS_SHARED: &str = "istio-shared-configmap-";

/// The role of a ConfigMap in istiod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MeshSource {
    /// The settings of istiod.
    Own,
    /// Shared settings, which those of istiod override (`SHARED_MESH_CONFIG`).
    Shared,
}

impl MeshSource {
    /// Returns the role of a ConfigMap: `istio`, one of a revision (`istio-<revision>`), or one of the AKS add-on.
    /// `None` for any other ConfigMap.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        let name = metadata.name.as_str();
        if name.starts_with(AKS_SHARED) {
            return Some(Self::Shared);
        }
        (name == "istio" || name.starts_with("istio-")).then_some(Self::Own)
    }
}

/// The mesh settings of the input. A field of istiod's settings replaces the shared field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MeshSettings {
    own: Map<String, Value>,
    shared: Map<String, Value>,
    is_aks: bool,
}

impl MeshSettings {
    /// Replaces the settings of `source`, and returns the merged settings.
    pub(super) fn add(
        &mut self,
        source: MeshSource,
        metadata: &Metadata,
        settings: Value,
    ) -> Result<MeshConfig, Diagnostic> {
        let settings: Map<String, Value> = decode::<Option<_>>(settings, "data.mesh")?.unwrap_or_default();
        self.is_aks |= metadata.namespace == AKS_NAMESPACE;
        match source {
            MeshSource::Own => self.own = settings,
            MeshSource::Shared => self.shared = settings,
        }
        let mut merged = self.shared.clone();
        merged.extend(self.own.clone());
        if self.is_aks && !merged.contains_key("rootNamespace") {
            merged.insert("rootNamespace".to_string(), AKS_NAMESPACE.into());
        }
        decode(Value::Object(merged), "data.mesh")
    }
}

#[cfg(test)]
mod tests {
    use crate::resource::Resources;
    use alloc::string::{String, ToString};
    use serde_json::json;

    fn mesh(maps: &[(&str, &str, serde_json::Value)]) -> (String, String) {
        let mut resources = Resources::default();
        for (namespace, name, mesh) in maps {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": namespace}, "data": {"mesh": mesh.to_string()},
            });
            resources.add(map, Default::default()).unwrap();
        }
        (resources.mesh.root_namespace, resources.mesh.trust_domain)
    }

    #[test]
    fn config_map_of_aks_add_on_sets_root_namespace() {
        let own = ("aks-istio-system", "istio-asm-1-27", json!({"trustDomain": "own"}));
        let shared =
            ("aks-istio-system", "istio-shared-configmap-asm-1-27", json!({"trustDomain": "shared"}));
        let names = |root: &str, domain: &str| (root.into(), domain.into());

        assert_eq!(mesh(&[own.clone(), shared.clone()]), names("aks-istio-system", "own"));
        assert_eq!(mesh(&[shared.clone(), own]), names("aks-istio-system", "own"));
        assert_eq!(mesh(&[shared]), names("aks-istio-system", "shared"));
        let written = ("aks-istio-system", "istio-asm-1-27", json!({"rootNamespace": "root"}));
        assert_eq!(mesh(&[written]), names("root", "cluster.local"));
    }

    #[test]
    fn config_map_of_revision_contains_mesh_settings() {
        let revision = ("istio-system", "istio-canary", json!({"trustDomain": "td"}));

        assert_eq!(mesh(&[revision]), ("istio-system".into(), "td".into()));
        assert_eq!(mesh(&[("istio-system", "other", json!({"trustDomain": "td"}))]).1, "cluster.local");
    }
}
