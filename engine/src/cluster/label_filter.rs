//! The labels of a pod that are part of its identity: the agent's default for `labels`.
//!
//! A pattern matches at the start of the key. The key is part of the identity if no pattern excludes it, or if the longest
//! including pattern is longer than the shortest excluding one.

/// Prefixes of included keys. They override shorter excluding prefixes.
const INCLUDED: [&str; 3] = ["io.kubernetes.pod.namespace", "io.cilium.k8s.", "app.kubernetes.io"];

/// Prefixes of excluded keys.
const EXCLUDED: [&str; 14] = [
    "io.kubernetes",
    "kubernetes.io",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/controller-uid",
    "k8s.io",
    "pod-template-generation",
    "pod-template-hash",
    "controller-revision-hash",
    "controller-uid",
    "annotation",
    "etcd_node",
    "topology.kubernetes.io",
];

/// The text that excludes a key at any position.
const BETA: &str = "beta.kubernetes.io";

/// Returns whether a pod's label with `key` is part of its identity.
pub(crate) fn is_identity_label(key: &str) -> bool {
    let ends = |patterns: &[&str]| {
        let found = patterns.iter().filter(|pattern| key.starts_with(**pattern)).map(|pattern| pattern.len());
        (found.clone().min(), found.max().unwrap_or(0))
    };
    let beta = key.rfind(BETA).map(|at| at + BETA.len());
    let excluded = ends(&EXCLUDED).0.into_iter().chain(beta).min();
    excluded.is_none_or(|end| ends(&INCLUDED).1 > end)
}

#[cfg(test)]
mod tests {
    use super::is_identity_label;

    #[test]
    fn default_filter_excludes_labels_of_controllers() {
        for key in [
            "app",
            "k8s-app",
            "app.kubernetes.io/name",
            "io.kubernetes.pod.namespace",
            "statefulset.kubernetes.io/other",
            "batch.kubernetes.io/job-name",
            "x/topology.kubernetes.io",
        ] {
            assert!(is_identity_label(key), "{key}");
        }
        for key in [
            "statefulset.kubernetes.io/pod-name",
            "apps.kubernetes.io/pod-index",
            "pod-template-hash",
            "controller-uid",
            "kubernetes.io/arch",
            "k8s.io/x",
            "beta.kubernetes.io/arch",
            "x.beta.kubernetes.io/arch",
            "topology.kubernetes.io/zone",
            "annotations",
        ] {
            assert!(!is_identity_label(key), "{key}");
        }
    }
}
