//! All objects of one load.

use super::{
    cilium::{CidrGroupSpec, CiliumPolicy},
    decode::{Envelope, decode},
    istio::{
        AuthorizationPolicySpec, GatewayApiSpec, GatewaySpec, MeshConfig, PROXY_CONFIG,
        PeerAuthenticationSpec, RequestAuthenticationSpec, ServiceEntrySpec, trusted_proxies,
    },
    kubernetes::{
        ClusterNetworkPolicySpec, Endpoint, EndpointPort, EndpointSlice, Namespace, NetworkPolicySpec, Node,
        NodeSpec, NodeStatus, Pod, PodTemplate, Secret, Service, ServiceAccount, Subset,
    },
    mesh_settings::{MeshSettings, MeshSource},
    meta::{Object, title},
    quotes,
};
use crate::diagnostic::{Diagnostic, Origin};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde_json::{Map, Value};

/// API groups whose kinds are policies.
const POLICY_GROUPS: [&str; 4] =
    ["security.istio.io", "cilium.io", "networking.k8s.io", "policy.networking.k8s.io"];

/// The number of objects of each kind that no layer evaluates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ignored(pub BTreeMap<String, u32>);

/// All objects of one load, by kind.
///
/// ```
/// use palisade::resource::Resources;
///
/// let mut resources = Resources::default();
/// let object = serde_json::json!({
///     "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
///     "metadata": {"name": "allow-nothing", "namespace": "istio-system"}, "spec": {},
/// });
/// resources.add(object, Default::default()).unwrap();
/// assert_eq!(resources.authorization_policies.len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// Namespaces.
    pub namespaces: Vec<Object<Namespace>>,
    /// Pods, and one for the template of each controller.
    pub pods: Vec<Object<Pod>>,
    /// Services.
    pub services: Vec<Object<Service>>,
    /// EndpointSlices, and one for each Endpoints object.
    pub endpoint_slices: Vec<Object<EndpointSlice>>,
    /// Nodes.
    pub nodes: Vec<Object<Node>>,
    /// Secrets.
    pub secrets: Vec<Object<Secret>>,
    /// Service accounts.
    pub service_accounts: Vec<Object<ServiceAccount>>,
    /// Istio's AuthorizationPolicies.
    pub authorization_policies: Vec<Object<AuthorizationPolicySpec>>,
    /// Istio's PeerAuthentications.
    pub peer_authentications: Vec<Object<PeerAuthenticationSpec>>,
    /// Istio's RequestAuthentications.
    pub request_authentications: Vec<Object<RequestAuthenticationSpec>>,
    /// Istio's Gateways.
    pub gateways: Vec<Object<GatewaySpec>>,
    /// Gateways of the Gateway API.
    pub gateway_api: Vec<Object<GatewayApiSpec>>,
    /// ServiceEntries.
    pub service_entries: Vec<Object<ServiceEntrySpec>>,
    /// The mesh settings; the defaults if the input has no ConfigMap with mesh settings.
    pub mesh: MeshConfig,
    mesh_settings: MeshSettings,
    /// Origin of the mesh settings. `None` if the input has no ConfigMap with mesh settings.
    pub mesh_origin: Option<Origin>,
    /// Kubernetes NetworkPolicies.
    pub network_policies: Vec<Object<NetworkPolicySpec>>,
    /// CiliumNetworkPolicies.
    pub cilium_network_policies: Vec<Object<CiliumPolicy>>,
    /// CiliumClusterwideNetworkPolicies.
    pub cilium_clusterwide_network_policies: Vec<Object<CiliumPolicy>>,
    /// ClusterNetworkPolicies.
    pub cluster_network_policies: Vec<Object<ClusterNetworkPolicySpec>>,
    /// CiliumCIDRGroups.
    pub cidr_groups: Vec<Object<CidrGroupSpec>>,
    /// The objects that no layer evaluates.
    pub ignored: Ignored,
}

impl Resources {
    /// Adds one Kubernetes object, or each item of a `List`.
    ///
    /// # Errors
    ///
    /// The object is not a Kubernetes object, or is an invalid policy. Nothing of it is added.
    pub fn add(&mut self, value: Value, origin: Origin) -> Result<(), Diagnostic> {
        let Value::Object(mut fields) = value else {
            return Err(Diagnostic::error("not-an-object", "not a Kubernetes object")
                .help("a manifest is a mapping with apiVersion, kind and metadata")
                .of("", &origin));
        };
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            _ => Err(Diagnostic::error("not-an-object", format!("object without `{name}`"))
                .at(name)
                .help("add apiVersion and kind")
                .of("", &origin)),
        };
        let (kind, version) = (text("kind")?, text("apiVersion")?);
        if kind == "List" {
            let items = match fields.remove("items") {
                Some(Value::Array(items)) => items,
                _ => Vec::new(),
            };
            return items.into_iter().try_for_each(|item| self.add(item, origin.clone()));
        }
        let group = version.split_once('/').map_or("", |(group, _)| group);
        if let Some(inner) = quotes::unquoted(&kind) {
            return Err(quotes::finding(&kind, inner, "kind".to_string()).of("", &origin));
        }
        if POLICY_GROUPS.contains(&group) {
            quotes::check(&fields).map_err(|finding| {
                let metadata = fields.get("metadata").cloned().unwrap_or(Value::Null);
                let metadata = decode(metadata, "metadata").unwrap_or_default();
                finding.of(title(&kind, &metadata), &origin)
            })?;
        }
        self.add_kind(group, &kind, fields, origin)
    }

    fn add_kind(
        &mut self,
        group: &str,
        kind: &str,
        fields: Map<String, Value>,
        origin: Origin,
    ) -> Result<(), Diagnostic> {
        macro_rules! policy {
            ($list:ident, $kind:literal) => {{
                let envelope = Envelope::new($kind, fields, &origin)?;
                self.$list.push(envelope.with_spec($kind, true, true, origin)?);
            }};
        }
        macro_rules! other {
            ($list:ident, $kind:literal) => {{
                let envelope = Envelope::new($kind, fields, &origin)?;
                self.$list.push(envelope.with_spec($kind, true, false, origin)?);
            }};
        }
        match (group, kind) {
            ("security.istio.io", "AuthorizationPolicy") => {
                policy!(authorization_policies, "AuthorizationPolicy");
            }
            ("security.istio.io", "PeerAuthentication") => {
                policy!(peer_authentications, "PeerAuthentication")
            }
            ("security.istio.io", "RequestAuthentication") => {
                policy!(request_authentications, "RequestAuthentication");
            }
            ("networking.k8s.io", "NetworkPolicy") => policy!(network_policies, "NetworkPolicy"),
            ("cilium.io", "CiliumNetworkPolicy") => {
                let object = cilium_policy("CiliumNetworkPolicy", fields, origin)?;
                self.cilium_network_policies.push(object);
            }
            ("cilium.io", "CiliumClusterwideNetworkPolicy") => {
                let mut object = cilium_policy("CiliumClusterwideNetworkPolicy", fields, origin)?;
                object.metadata.namespace = String::new();
                self.cilium_clusterwide_network_policies.push(object);
            }
            ("policy.networking.k8s.io", "ClusterNetworkPolicy") => {
                let envelope = Envelope::new("ClusterNetworkPolicy", fields, &origin)?;
                let mut object = envelope.with_spec("ClusterNetworkPolicy", false, true, origin)?;
                object.metadata.namespace = String::new();
                self.cluster_network_policies.push(object);
            }
            ("cilium.io", "CiliumCIDRGroup") => {
                let envelope = Envelope::new("CiliumCIDRGroup", fields, &origin)?;
                self.cidr_groups.push(envelope.with_spec("CiliumCIDRGroup", false, true, origin)?);
            }
            ("networking.istio.io", "Gateway") => other!(gateways, "Gateway"),
            ("networking.istio.io", "ServiceEntry") => other!(service_entries, "ServiceEntry"),
            ("gateway.networking.k8s.io", "Gateway") => other!(gateway_api, "Gateway"),
            ("", "Service") => other!(services, "Service"),
            ("discovery.k8s.io", "EndpointSlice") => self.add_endpoint_slice(fields, origin)?,
            ("", "Endpoints") => self.add_endpoints(fields, origin)?,
            ("", "Secret") => {
                let envelope = Envelope::new("Secret", fields, &origin)?;
                let spec = Secret::new(&envelope.fields);
                self.secrets.push(Object { kind: "Secret", metadata: envelope.metadata, spec, origin });
            }
            ("", "Namespace") => {
                let metadata = Envelope::new("Namespace", fields, &origin)?.metadata;
                self.namespaces.push(Object { kind: "Namespace", metadata, spec: Namespace, origin });
            }
            ("", "ServiceAccount") => {
                let object: Object<Value> = Envelope::new("ServiceAccount", fields, &origin)?.with_spec(
                    "ServiceAccount",
                    true,
                    false,
                    origin,
                )?;
                let Object { metadata, origin, .. } = object;
                let kind = "ServiceAccount";
                self.service_accounts.push(Object { kind, metadata, spec: ServiceAccount, origin });
            }
            ("", "Pod") => self.add_pod(fields, origin)?,
            ("", "Node") => self.add_node(fields, origin)?,
            ("apps", "Deployment") => self.add_template("Deployment", "/template", fields, origin)?,
            ("apps", "StatefulSet") => self.add_template("StatefulSet", "/template", fields, origin)?,
            ("apps", "DaemonSet") => self.add_template("DaemonSet", "/template", fields, origin)?,
            ("apps", "ReplicaSet") => self.add_template("ReplicaSet", "/template", fields, origin)?,
            ("batch", "Job") => self.add_template("Job", "/template", fields, origin)?,
            ("batch", "CronJob") => {
                self.add_template("CronJob", "/jobTemplate/spec/template", fields, origin)?;
            }
            ("", "ConfigMap") => self.add_config_map(fields, &origin)?,
            _ => *self.ignored.0.entry(kind.to_string()).or_insert(0) += 1,
        }
        Ok(())
    }

    fn add_pod(&mut self, fields: Map<String, Value>, origin: Origin) -> Result<(), Diagnostic> {
        let mut envelope = Envelope::new("Pod", fields, &origin)?;
        let status = envelope.fields.remove("status").unwrap_or(Value::Null);
        let title = title("Pod", &envelope.metadata);
        let status: Option<_> = decode(status, "status").map_err(|d| d.of(title.clone(), &origin))?;
        check_proxy_config(&envelope.metadata.annotations)
            .map_err(|d| d.at(annotation("metadata")).of(title.clone(), &origin))?;
        let pod = envelope.with_spec("Pod", true, false, origin)?;
        let spec = Pod { spec: pod.spec, status: status.unwrap_or_default(), ..Pod::default() };
        self.pods.push(Object { kind: "Pod", metadata: pod.metadata, spec, origin: pod.origin });
        Ok(())
    }

    fn add_template(
        &mut self,
        kind: &'static str,
        pointer: &str,
        fields: Map<String, Value>,
        origin: Origin,
    ) -> Result<(), Diagnostic> {
        let envelope = Envelope::new(kind, fields, &origin)?;
        let mut object: Object<Value> = envelope.with_spec(kind, true, false, origin)?;
        let selector = object.spec.pointer("/selector/matchLabels").and_then(Value::as_object);
        let owner_selector = selector.into_iter().flatten().filter_map(|(key, value)| {
            let value = value.as_str()?;
            Some((key.clone(), value.to_string()))
        });
        let owner_selector = owner_selector.collect();
        let template = object.spec.pointer_mut(pointer).map(Value::take).unwrap_or(Value::Null);
        let path = format!("spec{}", pointer.replace('/', "."));
        let template: Option<PodTemplate> =
            decode(template, &path).map_err(|d| d.of(object.title(), &object.origin))?;
        let template = template.unwrap_or_default();
        check_proxy_config(&template.metadata.annotations)
            .map_err(|d| d.at(annotation(&format!("{path}.metadata"))).of(object.title(), &object.origin))?;
        let mut metadata = object.metadata;
        metadata.labels = template.metadata.labels;
        metadata.annotations = template.metadata.annotations;
        let spec = Pod { spec: template.spec, owner_selector, ..Pod::default() };
        self.pods.push(Object { kind, metadata, spec, origin: object.origin });
        Ok(())
    }

    fn add_endpoint_slice(
        &mut self,
        mut fields: Map<String, Value>,
        origin: Origin,
    ) -> Result<(), Diagnostic> {
        const SERVICE: &str = "kubernetes.io/service-name";
        let kind = "EndpointSlice";
        let ports = fields.remove("ports").unwrap_or(Value::Null);
        let mut object: Object<Value> = namespaced(kind, fields, "endpoints", origin)?;
        let items: Option<Vec<Endpoint>> =
            decode(object.spec.take(), "endpoints").map_err(|d| d.of(object.title(), &object.origin))?;
        let ports: Option<Vec<EndpointPort>> =
            decode(ports, "ports").map_err(|d| d.of(object.title(), &object.origin))?;
        let service = object.metadata.labels.get(SERVICE).cloned().unwrap_or_default();
        let (items, ports) = (items.unwrap_or_default(), ports.unwrap_or_default());
        let spec = EndpointSlice::from_endpoints(service, &items, &ports);
        let Object { metadata, origin, .. } = object;
        self.endpoint_slices.push(Object { kind, metadata, spec, origin });
        Ok(())
    }

    fn add_endpoints(&mut self, fields: Map<String, Value>, origin: Origin) -> Result<(), Diagnostic> {
        let kind = "Endpoints";
        let mut object: Object<Value> = namespaced(kind, fields, "subsets", origin)?;
        let items: Option<Vec<Subset>> =
            decode(object.spec.take(), "subsets").map_err(|d| d.of(object.title(), &object.origin))?;
        let spec = EndpointSlice::from_subsets(object.metadata.name.clone(), &items.unwrap_or_default());
        let Object { metadata, origin, .. } = object;
        self.endpoint_slices.push(Object { kind, metadata, spec, origin });
        Ok(())
    }

    fn add_node(&mut self, fields: Map<String, Value>, origin: Origin) -> Result<(), Diagnostic> {
        let mut envelope = Envelope::new("Node", fields, &origin)?;
        let title = title("Node", &envelope.metadata);
        let status = envelope.fields.remove("status").unwrap_or(Value::Null);
        let status: Option<NodeStatus> = decode(status, "status").map_err(|d| d.of(title, &origin))?;
        let object: Object<NodeSpec> = envelope.with_spec("Node", false, false, origin)?;
        let addresses = status.unwrap_or_default().addresses.into_iter().map(|a| a.address).collect();
        let spec = Node { addresses, pod_cidrs: object.spec.pod_cidrs };
        self.nodes.push(Object { kind: "Node", metadata: object.metadata, spec, origin: object.origin });
        Ok(())
    }

    /// Adds the mesh settings of a ConfigMap (`data.mesh`). Other ConfigMaps are ignored.
    fn add_config_map(&mut self, fields: Map<String, Value>, origin: &Origin) -> Result<(), Diagnostic> {
        let mut envelope = Envelope::new("ConfigMap", fields, origin)?;
        let mesh = envelope.fields.get_mut("data").and_then(|d| d.get_mut("mesh")).map(Value::take);
        let (source, settings) = match (MeshSource::of(&envelope.metadata), mesh) {
            (None, _) | (_, None | Some(Value::Null)) => {
                *self.ignored.0.entry("ConfigMap".to_string()).or_insert(0) += 1;
                return Ok(());
            }
            (Some(source), Some(Value::String(text))) => (source, crate::yaml::settings(&text)),
            (Some(source), Some(other)) => (source, Ok(other)),
        };
        let title = title("ConfigMap", &envelope.metadata);
        let mesh = settings.and_then(|settings| self.mesh_settings.add(source, &envelope.metadata, settings));
        self.mesh = mesh.map_err(|d| d.of(title, origin))?;
        self.mesh_origin = Some(origin.clone());
        Ok(())
    }
}

/// Returns an error if a number in the proxy settings of a Pod is outside of its limits.
fn check_proxy_config(annotations: &BTreeMap<String, String>) -> Result<(), Diagnostic> {
    let Some(text) = annotations.get(PROXY_CONFIG) else { return Ok(()) };
    let config = match crate::yaml::settings(text) {
        Ok(config) => config,
        // A build without the feature `yaml` ignores settings in YAML.
        Err(_) if cfg!(not(feature = "yaml")) => return Ok(()),
        Err(finding) => return Err(Diagnostic { position: None, ..finding }),
    };
    trusted_proxies(&config)
        .map(drop)
        .map_err(|why| Diagnostic::error("wrong-shape", why).help("write a number within the limits"))
}

/// Returns the path of the annotation with the proxy settings of a Pod, below `metadata`.
fn annotation(metadata: &str) -> String {
    format!("{metadata}.annotations.{PROXY_CONFIG}")
}

/// Returns an object with the value of `field` as its `spec`.
fn namespaced(
    kind: &'static str,
    fields: Map<String, Value>,
    field: &str,
    origin: Origin,
) -> Result<Object<Value>, Diagnostic> {
    let mut envelope = Envelope::new(kind, fields, &origin)?;
    let items = envelope.fields.remove(field).unwrap_or(Value::Null);
    let object: Object<Value> = envelope.with_spec(kind, true, false, origin)?;
    Ok(Object { spec: items, ..object })
}

/// Returns an error if a Cilium policy has neither `spec` nor `specs`.
fn cilium_policy(
    kind: &'static str,
    fields: Map<String, Value>,
    origin: Origin,
) -> Result<Object<CiliumPolicy>, Diagnostic> {
    let mut envelope = Envelope::new(kind, fields, &origin)?;
    let title = title(kind, &envelope.metadata);
    let mut take = |name: &str| envelope.fields.remove(name).unwrap_or(Value::Null);
    let (spec, specs) = (take("spec"), take("specs"));
    let spec = decode(spec, "spec").map_err(|d| d.of(title.clone(), &origin))?;
    let specs: Option<Vec<Option<_>>> = decode(specs, "specs").map_err(|d| d.of(title, &origin))?;
    let specs = specs.map(|specs| specs.into_iter().map(Option::unwrap_or_default).collect());
    // INVARIANT: `spec` was removed, so the object has no `spec`. The call rejects unknown fields.
    let object: Object<Value> = envelope.with_spec(kind, true, true, origin)?;
    let Object { kind, metadata, origin, .. } = object;
    Ok(Object { kind, metadata, spec: CiliumPolicy { spec, specs }, origin })
}
