//! The service that a client calls through a waypoint.

use super::inventory::Cluster;
use crate::namespaced_name::NamespacedName;

/// The service that a client calls through a waypoint.
///
/// ```
/// use palisade::CalledService;
///
/// let web = CalledService { namespace: "foo", name: "web", kind: CalledService::SERVICE };
/// assert_eq!(web.kind, "Service");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CalledService<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// [`Self::SERVICE`] or [`Self::SERVICE_ENTRY`].
    pub kind: &'static str,
}

impl CalledService<'_> {
    /// The kind of Kubernetes Services.
    pub const SERVICE: &'static str = "Service";
    /// The kind of Istio's ServiceEntries.
    pub const SERVICE_ENTRY: &'static str = "ServiceEntry";
}

impl Cluster {
    /// Returns the Service `namespace/name`, or else the ServiceEntry of that name.
    pub fn called_service(&self, reference: &str) -> Option<CalledService<'_>> {
        if let Some(found) = self.service(reference) {
            let (namespace, name) = (&found.metadata.namespace, &found.metadata.name);
            return Some(CalledService { namespace, name, kind: CalledService::SERVICE });
        }
        let (namespace, name) = NamespacedName::split(reference)?;
        let mut entries = self.resources().service_entries.iter();
        let found = entries.find(|e| e.metadata.namespace == namespace && e.metadata.name == name)?;
        let (namespace, name) = (&found.metadata.namespace, &found.metadata.name);
        Some(CalledService { namespace, name, kind: CalledService::SERVICE_ENTRY })
    }
}
