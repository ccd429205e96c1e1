//! The resources of Istio that contain the plugin configuration.

use super::{
    attachment::{Attachment, Attachments, ListenerClass, Target},
    envoy::{Subject, reads_peer_address},
};
use palisade::{Cluster, Workload};
use palisade_plugin_config::Config;
use serde_json::{Value, json};

/// The contents of the resources, and the proxies that they attach to.
pub(super) struct Extension<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) attachments: &'a Attachments,
    /// The configuration for CUSTOM policies, if they need a separate filter before `jwt_authn`.
    pub(super) custom: Option<Config>,
    /// The configuration for the other policies, or `None` if all policies are CUSTOM.
    pub(super) others: Option<Config>,
    /// Whether a sidecar has a listener for HBONE tunnels, to which policies do not apply.
    pub(super) has_tunnels: bool,
}

/// The position of a filter among those that istiod builds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// Before all others.
    First,
    /// Before the router, or before the TCP proxy.
    Last,
}

impl Extension<'_> {
    /// Returns WasmPlugins (`extensions.istio.io/v1alpha1`). If a rule on requests uses the peer's address, an EnvoyFilter
    /// adds the filter that writes this address to the filter state, because a WasmPlugin cannot contain it.
    pub(super) fn wasm_plugin(&self, url: &str) -> Value {
        let mut items = Vec::new();
        let configurations = || self.custom.iter().chain(&self.others);
        let Subject { tcp, outbound, .. } = *self.subject;
        if !tcp && !outbound && configurations().any(reads_peer_address) {
            for attachment in &self.attachments.filters {
                let patches = self.patches(attachment, Position::First, &[self.subject.peer()]);
                items.push(envoy_filter(attachment, patches));
            }
        }
        for attachment in &self.attachments.plugins {
            if let Some(custom) = &self.custom {
                let name = format!("{}-custom", attachment.name);
                items.push(self.plugin(&Attachment { name, ..attachment.clone() }, url, "AUTHN", custom));
            }
            if let Some(others) = &self.others {
                items.push(self.plugin(attachment, url, "AUTHZ", others));
            }
        }
        list(items)
    }

    /// Returns EnvoyFilters (`networking.istio.io/v1alpha3`): the filter, after the one that writes the peer's address to
    /// the filter state.
    pub(super) fn envoy_filter(&self, module: &str) -> Value {
        let filter = |attachment: &Attachment| {
            let peer = self.subject.peer();
            let others = self.others.as_ref().map(|others| self.subject.wasm(module, others));
            let mut patches = Vec::new();
            match &self.custom {
                None => {
                    let filters: Vec<Value> = [peer].into_iter().chain(others).collect();
                    patches.extend(self.patches(attachment, Position::Last, &filters));
                }
                // INSERT_FIRST inserts each filter before the previous one.
                Some(custom) => {
                    let custom = self.subject.wasm(module, custom);
                    patches.extend(self.patches(attachment, Position::First, &[custom, peer]));
                    let others: Vec<Value> = others.into_iter().collect();
                    patches.extend(self.patches(attachment, Position::Last, &others));
                }
            }
            envoy_filter(attachment, patches)
        };
        list(self.attachments.filters.iter().map(filter).collect())
    }

    /// Returns one WasmPlugin.
    fn plugin(&self, attachment: &Attachment, url: &str, phase: &str, config: &Config) -> Value {
        let modes: Vec<Value> =
            attachment.listeners.iter().map(|class| json!({"mode": class.mode()})).collect();
        let mut spec = json!({
            "url": url,
            "phase": phase,
            "failStrategy": "FAIL_CLOSE",
            "type": if self.subject.tcp { "NETWORK" } else { "HTTP" },
            "match": modes,
            "pluginConfig": config.to_json(),
        });
        match &attachment.target {
            Target::All => {}
            Target::Labels(labels) => set(&mut spec, "selector", json!({"matchLabels": labels})),
            Target::Reference(target) => set(&mut spec, "targetRefs", json!([target])),
        }
        json!({
            "apiVersion": "extensions.istio.io/v1alpha1", "kind": "WasmPlugin",
            "metadata": metadata(attachment), "spec": spec,
        })
    }

    /// Returns the patches that add `filters` to the listeners of `attachment`.
    fn patches(&self, attachment: &Attachment, position: Position, filters: &[Value]) -> Vec<Value> {
        let tcp = self.subject.tcp;
        let (kind, last) = match tcp {
            true => ("NETWORK_FILTER", "envoy.filters.network.tcp_proxy"),
            false => ("HTTP_FILTER", "envoy.filters.http.router"),
        };
        let (operation, filter_chain) = match (position, tcp) {
            (_, true) => ("INSERT_BEFORE", json!({"filter": {"name": last}})),
            (Position::First, false) => ("INSERT_FIRST", json!({"filter": {"name": MANAGER}})),
            (Position::Last, false) => {
                ("INSERT_BEFORE", json!({"filter": {"name": MANAGER, "subFilter": {"name": last}}}))
            }
        };
        let mut patches = Vec::new();
        for class in &attachment.listeners {
            for filter in filters {
                let mut listener = json!({"filterChain": filter_chain});
                if let Some(name) = class.listener() {
                    set(&mut listener, "name", name.into());
                }
                patches.push(json!({
                    "applyTo": kind,
                    "match": {"context": class.context(), "listener": listener},
                    "patch": {"operation": operation, "value": filter},
                }));
            }
            let has_ours = filters.iter().any(|filter| filter["name"] == "palisade");
            if *class == ListenerClass::SidecarInbound && self.has_tunnels && has_ours && !tcp {
                patches.push(without_tunnels(*class));
            }
        }
        patches
    }
}

/// Returns whether a sidecar accepts HBONE tunnels, which the injector states in a label.
pub(super) fn has_tunnels(cluster: &Cluster, workload: Option<&Workload>) -> bool {
    let is_tunnelled = |workload: &Workload| {
        workload.labels.get("networking.istio.io/tunnel").is_some_and(|value| value == "http")
    };
    match workload {
        Some(workload) => is_tunnelled(workload),
        None => cluster.workloads().any(is_tunnelled),
    }
}

const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// Returns the patch that removes the filter from the listener for HBONE tunnels, where istiod evaluates no policy.
fn without_tunnels(class: ListenerClass) -> Value {
    let filter_chain = json!({"filter": {"name": MANAGER, "subFilter": {"name": "palisade"}}});
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": class.context(),
            "listener": {"name": "connect_terminate", "filterChain": filter_chain},
        },
        "patch": {"operation": "REMOVE"},
    })
}

fn envoy_filter(attachment: &Attachment, patches: Vec<Value>) -> Value {
    let mut spec = json!({"configPatches": patches});
    match &attachment.target {
        Target::All => {}
        Target::Labels(labels) => set(&mut spec, "workloadSelector", json!({"labels": labels})),
        Target::Reference(target) => set(&mut spec, "targetRefs", json!([target])),
    }
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": metadata(attachment), "spec": spec,
    })
}

fn metadata(attachment: &Attachment) -> Value {
    json!({"name": attachment.name, "namespace": attachment.namespace})
}

/// Returns one object unchanged, and several as a List.
fn list(mut items: Vec<Value>) -> Value {
    match items.len() {
        1 => items.remove(0),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": items}),
    }
}

/// Sets a field of an object.
fn set(object: &mut Value, field: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}
