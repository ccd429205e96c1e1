//! Pods, and the Pod templates of controllers.

use crate::resource::decode::null_as_default;
use alloc::{
    collections::BTreeMap,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;

/// A Pod, or the template of a controller's Pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pod {
    /// `spec`.
    pub spec: PodSpec,
    /// `status`; empty for a template.
    pub status: PodStatus,
    /// `spec.selector.matchLabels` of the controller that the template belongs to; empty for a Pod.
    pub owner_selector: BTreeMap<String, String>,
}

/// The fields of `spec` on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Service account; empty means `default`.
    #[serde(deserialize_with = "null_as_default")]
    pub service_account_name: String,
    /// Whether it shares its node's network.
    #[serde(deserialize_with = "null_as_default")]
    pub host_network: bool,
    /// The node it runs on.
    #[serde(deserialize_with = "null_as_default")]
    pub node_name: String,
    /// Containers.
    #[serde(deserialize_with = "null_as_default")]
    pub containers: Vec<Container>,
    /// Init containers: the ports of a sidecar are ports of the Pod.
    #[serde(deserialize_with = "null_as_default")]
    pub init_containers: Vec<Container>,
}

/// The fields of a container on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Container {
    /// Its name.
    #[serde(deserialize_with = "null_as_default")]
    pub name: String,
    /// Its ports.
    #[serde(deserialize_with = "null_as_default")]
    pub ports: Vec<ContainerPort>,
}

/// A container's port.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ContainerPort {
    /// Number.
    pub container_port: u16,
    /// Name; empty if absent.
    #[serde(default, deserialize_with = "null_as_default")]
    pub name: String,
    /// The protocol; `TCP` if absent.
    #[serde(default = "tcp")]
    pub protocol: String,
}

fn tcp() -> String {
    "TCP".to_string()
}

/// The fields of `status` on which decisions depend.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// Its first address.
    #[serde(rename = "podIP", deserialize_with = "null_as_default")]
    pub pod_ip: String,
    /// All addresses of a dual-stack Pod.
    #[serde(rename = "podIPs", deserialize_with = "null_as_default")]
    pub pod_ips: Vec<PodIp>,
}

/// One address of a pod.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// `spec.template` of a controller.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct PodTemplate {
    /// Labels and annotations of its pods.
    #[serde(deserialize_with = "null_as_default")]
    pub metadata: TemplateMetadata,
    /// The spec of the Pods.
    #[serde(deserialize_with = "null_as_default")]
    pub spec: PodSpec,
}

/// `metadata` of a pod template.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct TemplateMetadata {
    /// Labels.
    #[serde(deserialize_with = "null_as_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "null_as_default")]
    pub annotations: BTreeMap<String, String>,
}
