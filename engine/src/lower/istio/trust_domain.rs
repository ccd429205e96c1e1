//! Trust domain aliases (docs/semantics/istio.md#istio-trust-domain-aliases).

use crate::resource::istio::MeshConfig;
use alloc::{borrow::ToOwned, format, string::String, vec, vec::Vec};

/// Returns the mesh's trust domain and its aliases.
fn domains(mesh: &MeshConfig) -> Vec<&str> {
    let mut domains = vec![mesh.trust_domain.as_str()];
    domains.extend(mesh.trust_domain_aliases.iter().map(String::as_str));
    domains.retain(|d| !d.is_empty());
    domains
}

/// Returns the principals to which `value` expands: one for each trust domain of the mesh if the domain of `value` is
/// one of them, or else `value`.
pub(super) fn principals(value: &str, mesh: &MeshConfig) -> Vec<String> {
    let parts: Vec<&str> = value.split('/').collect();
    let [domain, rest @ ..] = parts.as_slice() else { return vec![value.to_owned()] };
    let domains = domains(mesh);
    let ours = *domain == "cluster.local" || domains.iter().any(|d| alike(domain, d));
    if rest.len() != 4 || *domain == "*" || !ours || domains.is_empty() {
        return vec![value.to_owned()];
    }
    let mut out: Vec<String> = Vec::new();
    for other in domains {
        let kept = domain.strip_prefix('*').is_some_and(|suffix| other.ends_with(suffix));
        let principal = if kept { value.to_owned() } else { format!("{other}/{}", rest.join("/")) };
        if !out.contains(&principal) {
            out.push(principal);
        }
    }
    out
}

/// Returns all trust domains of the mesh if `value` equals one of them, or else `value`.
pub(super) fn trust_domains<'a>(value: &'a str, mesh: &'a MeshConfig) -> Vec<&'a str> {
    let domains = domains(mesh);
    if domains.contains(&value) { domains } else { vec![value] }
}

/// Returns whether two trust domains are equal, or one is a pattern with a star at either end that matches the other.
fn alike(a: &str, b: &str) -> bool {
    let matches = |text: &str, pattern: &str| {
        pattern == "*"
            || pattern.strip_suffix('*').is_some_and(|prefix| text.starts_with(prefix))
            || pattern.strip_prefix('*').is_some_and(|suffix| text.ends_with(suffix))
    };
    a == b || matches(a, b) || matches(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mesh(domain: &str, aliases: &[&str]) -> MeshConfig {
        MeshConfig {
            trust_domain: domain.to_owned(),
            trust_domain_aliases: aliases.iter().map(|a| (*a).to_owned()).collect(),
            ..MeshConfig::default()
        }
    }

    #[test]
    fn trust_domain_of_mesh_expands_to_all_aliases() {
        let td1 = mesh("td1", &["td2"]);
        assert_eq!(principals("td2/ns/a/sa/b", &td1), ["td1/ns/a/sa/b", "td2/ns/a/sa/b"]);
        assert_eq!(principals("cluster.local/ns/a/sa/b", &mesh("td1", &[])), ["td1/ns/a/sa/b"]);
        assert_eq!(principals("other/ns/a/sa/b", &td1), ["other/ns/a/sa/b"]);
    }

    #[test]
    fn principal_without_five_parts_is_unchanged() {
        let td1 = mesh("td1", &["td2"]);
        assert_eq!(principals("td1/ns/a/*", &td1), ["td1/ns/a/*"]);
        assert_eq!(principals("*/ns/a/sa/b", &td1), ["*/ns/a/sa/b"]);
        assert_eq!(principals("/ns/a/sa/b", &td1), ["/ns/a/sa/b"]);
    }

    #[test]
    fn suffix_pattern_is_unchanged_for_matching_alias() {
        let mesh = mesh("new-td", &["old-td", "x"]);
        assert_eq!(principals("*-td/ns/a/sa/b", &mesh), ["*-td/ns/a/sa/b", "x/ns/a/sa/b"]);
    }

    #[test]
    fn cluster_local_is_not_special_for_trust_domains() {
        assert_eq!(trust_domains("td2", &mesh("td1", &["td2"])), ["td1", "td2"]);
        assert_eq!(trust_domains("cluster.local", &mesh("td1", &[])), ["cluster.local"]);
    }
}
