//! The resources of Istio that hold the plugin configuration.

use super::{
    attachment::{Attachment, Attachments, Side, Target},
    forms::{Subject, asks_for_peer},
    set,
};
use palisade::{Cluster, Workload};
use serde_json::{Value, json};

/// What the resources hold, and where they attach.
pub(super) struct Extension<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) attachments: &'a Attachments,
    /// The configuration for CUSTOM rules, where they have to stand in front of `jwt_authn`.
    pub(super) custom: Option<Value>,
    /// The other policies, or `None` if all policies are CUSTOM.
    pub(super) others: Option<Value>,
    /// Whether a listener of sidecars carries tunnels, which policies do not apply to.
    pub(super) has_tunnels: bool,
}

/// The place of a filter among those that istiod builds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In front of all.
    First,
    /// In front of the router, or of the TCP proxy.
    Last,
}

impl Extension<'_> {
    /// `extensions.istio.io/v1alpha1`. A WasmPlugin cannot hold the filter that puts the peer's address into filter
    /// state, so an EnvoyFilter with that filter goes along where a rule on requests reads the address.
    pub(super) fn wasm_plugin(&self, url: &str) -> Value {
        let mut items = Vec::new();
        let configurations = || self.custom.iter().chain(&self.others);
        let Subject { tcp, outbound, .. } = *self.subject;
        if !tcp && !outbound && configurations().any(asks_for_peer) {
            for attachment in &self.attachments.filters {
                let patches = self.patches(attachment, Place::First, &[self.subject.peer()]);
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

    /// `networking.istio.io/v1alpha3`: the filter, behind the one that puts the peer's address into filter state.
    pub(super) fn envoy_filter(&self, module: &str) -> Value {
        let filter = |attachment: &Attachment| {
            let peer = self.subject.peer();
            let others = self.others.as_ref().map(|others| self.subject.wasm(module, others));
            let mut patches = Vec::new();
            match &self.custom {
                None => {
                    let filters: Vec<Value> = [peer].into_iter().chain(others).collect();
                    patches.extend(self.patches(attachment, Place::Last, &filters));
                }
                // INSERT_FIRST puts each filter in front of the one before.
                Some(custom) => {
                    let custom = self.subject.wasm(module, custom);
                    patches.extend(self.patches(attachment, Place::First, &[custom, peer]));
                    let others: Vec<Value> = others.into_iter().collect();
                    patches.extend(self.patches(attachment, Place::Last, &others));
                }
            }
            envoy_filter(attachment, patches)
        };
        list(self.attachments.filters.iter().map(filter).collect())
    }

    fn plugin(&self, attachment: &Attachment, url: &str, phase: &str, configuration: &Value) -> Value {
        let modes: Vec<Value> = attachment.sides.iter().map(|side| json!({"mode": side.mode()})).collect();
        let mut spec = json!({
            "url": url,
            "phase": phase,
            "failStrategy": "FAIL_CLOSE",
            "type": if self.subject.tcp { "NETWORK" } else { "HTTP" },
            "match": modes,
            "pluginConfig": configuration,
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

    /// The patches that put `filters` into the listeners of `attachment`.
    fn patches(&self, attachment: &Attachment, place: Place, filters: &[Value]) -> Vec<Value> {
        let tcp = self.subject.tcp;
        let (kind, last) = match tcp {
            true => ("NETWORK_FILTER", "envoy.filters.network.tcp_proxy"),
            false => ("HTTP_FILTER", "envoy.filters.http.router"),
        };
        let (operation, filter_chain) = match (place, tcp) {
            (_, true) => ("INSERT_BEFORE", json!({"filter": {"name": last}})),
            (Place::First, false) => ("INSERT_FIRST", json!({"filter": {"name": MANAGER}})),
            (Place::Last, false) => {
                ("INSERT_BEFORE", json!({"filter": {"name": MANAGER, "subFilter": {"name": last}}}))
            }
        };
        let mut patches = Vec::new();
        for side in &attachment.sides {
            for filter in filters {
                let mut listener = json!({"filterChain": filter_chain});
                if let Some(name) = side.listener() {
                    set(&mut listener, "name", name.into());
                }
                patches.push(json!({
                    "applyTo": kind,
                    "match": {"context": side.context(), "listener": listener},
                    "patch": {"operation": operation, "value": filter},
                }));
            }
            let has_ours = filters.iter().any(|filter| filter["name"] == "palisade");
            if *side == Side::SidecarInbound && self.has_tunnels && has_ours && !tcp {
                patches.push(without_tunnels(*side));
            }
        }
        patches
    }
}

/// Whether a sidecar accepts HBONE tunnels: the injector labels it.
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

/// The patch that takes the filter out of the listener for HBONE tunnels, where istiod evaluates no policy.
fn without_tunnels(side: Side) -> Value {
    let filter_chain = json!({"filter": {"name": MANAGER, "subFilter": {"name": "palisade"}}});
    json!({
        "applyTo": "HTTP_FILTER",
        "match": {
            "context": side.context(),
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

/// One object as it is, several as a List.
fn list(mut items: Vec<Value>) -> Value {
    match items.len() {
        1 => items.remove(0),
        _ => json!({"apiVersion": "v1", "kind": "List", "items": items}),
    }
}
