//! The settings of a proxy's connection manager, as istiod writes them.

use crate::{
    cluster::{Cluster, MeshRole, Workload},
    http::{CertificateDetails, ForwardClientCertificate, NormalizationVersion, Proxy},
    options::{Options, Profile},
    resource::istio::{PROXY_CONFIG, trusted_proxies},
};
use serde_json::Value;

/// Returns the settings of the proxy of `workload`.
pub(super) fn settings(cluster: &Cluster, workload: &Workload, options: &Options) -> Proxy {
    let mesh = &cluster.resources().mesh;
    let own = workload.annotations.get(PROXY_CONFIG).and_then(|text| read(text));
    let config = Config { own: own.as_ref(), mesh: mesh.default_config.as_ref() };
    let is_waypoint = matches!(workload.role, MeshRole::Waypoint(_));
    let role = match (is_waypoint, cluster.is_gateway(workload)) {
        (true, _) => Proxy::waypoint(),
        (_, true) => Proxy::gateway(),
        (_, false) => Proxy::sidecar(),
    };
    // A waypoint has no settings for certificates, and istiod reads other fields for a gateway than for a sidecar.
    let forward = match (is_waypoint, role.gateway) {
        (true, _) => None,
        (_, true) => config.forward("/gatewayTopology/forwardClientCertDetails"),
        (_, false) => config.forward("/proxyHeaders/forwardedClientCert"),
    };
    let details = role.certificate_details;
    let detail = |name: &str, default: bool| {
        let path = alloc::format!("/proxyHeaders/setCurrentClientCertDetails/{name}");
        config.flag(&path).unwrap_or(default)
    };
    let certificate_details = match role.gateway {
        true => details,
        false => CertificateDetails {
            subject: detail("subject", details.subject),
            uri: detail("uri", details.uri),
            dns: detail("dns", details.dns),
            certificate: detail("cert", details.certificate),
            chain: detail("chain", details.chain),
        },
    };
    Proxy {
        normalization: mesh.path_normalization,
        version: NormalizationVersion::of_envoy(options.envoy.version),
        trusted_proxies: if role.gateway { config.trusted_proxies() } else { 0 },
        client_certificate: forward.unwrap_or(role.client_certificate),
        certificate_details,
        generates_request_id: config.flag("/proxyHeaders/requestId/disabled") != Some(true),
        appends_forwarded_port: config.flag("/proxyHeaders/xForwardedPort/enabled") == Some(true),
        accepts_http_1_0: config.get("/proxyMetadata/ISTIO_META_HTTP10").is_some_and(|v| v == "1"),
        strict: options.profile == Profile::Strict,
        ..role
    }
}

/// The settings of the pod, which override those of the mesh.
struct Config<'v> {
    own: Option<&'v Value>,
    mesh: Option<&'v Value>,
}

impl<'v> Config<'v> {
    fn get(&self, path: &str) -> Option<&'v Value> {
        [self.own, self.mesh].into_iter().flatten().find_map(|value| value.pointer(path))
    }

    fn flag(&self, path: &str) -> Option<bool> {
        self.get(path).and_then(Value::as_bool)
    }

    fn trusted_proxies(&self) -> u32 {
        // Loading rejects numbers beyond the limits.
        let number = |config: &Value| trusted_proxies(config).ok().flatten();
        [self.own, self.mesh].into_iter().flatten().find_map(number).unwrap_or_default()
    }

    fn forward(&self, path: &str) -> Option<ForwardClientCertificate> {
        Some(match self.get(path)?.as_str()? {
            "SANITIZE" => ForwardClientCertificate::Sanitize,
            "FORWARD_ONLY" => ForwardClientCertificate::ForwardOnly,
            "APPEND_FORWARD" => ForwardClientCertificate::AppendForward,
            "SANITIZE_SET" => ForwardClientCertificate::SanitizeSet,
            "ALWAYS_FORWARD_ONLY" => ForwardClientCertificate::AlwaysForwardOnly,
            _ => return None,
        })
    }
}

/// Returns the value of the annotation, which is YAML and usually JSON.
fn read(text: &str) -> Option<Value> {
    #[cfg(feature = "yaml")]
    return crate::yaml::read("proxy.istio.io/config", text).ok();
    #[cfg(not(feature = "yaml"))]
    return serde_json::from_str(text).ok();
}
