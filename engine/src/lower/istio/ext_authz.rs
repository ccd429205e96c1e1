//! External authorization services: the mesh's extension providers that CUSTOM policies name (`spec/istio.md` 1.5).

use crate::resource::istio::Provider;
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::Deserialize;

/// A provider that istiod accepts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AuthorizationService {
    pub(crate) hostname: String,
    pub(crate) port: u16,
    /// The name of the status that answers where the service cannot be asked.
    pub(crate) status_on_error: Option<&'static str>,
    pub(crate) settings: Settings,
    pub(crate) transport: ServiceTransport,
}

/// What the service speaks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServiceTransport {
    Grpc,
    Http(HttpSettings),
}

/// Fields of both kinds of provider. Others do not change what is decided or exported.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    service: String,
    port: i64,
    pub(crate) timeout: Option<String>,
    pub(crate) fail_open: bool,
    pub(crate) clear_route_cache: bool,
    status_on_error: Option<String>,
    pub(crate) include_request_body_in_check: Option<RequestBody>,
}

/// `includeRequestBodyInCheck`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RequestBody {
    pub(crate) max_request_bytes: u32,
    pub(crate) allow_partial_message: bool,
    pub(crate) pack_as_bytes: bool,
}

/// Fields of an HTTP provider.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HttpSettings {
    pub(crate) path_prefix: String,
    pub(crate) include_request_headers_in_check: Vec<String>,
    /// The older name; counts where the newer is empty.
    pub(crate) include_headers_in_check: Vec<String>,
    pub(crate) include_additional_headers_in_check: BTreeMap<String, String>,
    pub(crate) headers_to_upstream_on_allow: Vec<String>,
    pub(crate) headers_to_downstream_on_deny: Vec<String>,
    pub(crate) headers_to_downstream_on_allow: Vec<String>,
}

impl AuthorizationService {
    /// The service of `provider`; none where it is of another type or istiod refuses its settings. That the
    /// service exists is taken for granted: manifests rarely hold it.
    pub(crate) fn new(provider: &Provider) -> Option<Self> {
        let (value, transport) = match (&provider.envoy_ext_authz_grpc, &provider.envoy_ext_authz_http) {
            (Some(value), _) => (value, ServiceTransport::Grpc),
            (None, Some(value)) => {
                (value, ServiceTransport::Http(HttpSettings::deserialize(value).unwrap_or_default()))
            }
            (None, None) => return None,
        };
        let settings = Settings::deserialize(value).ok()?;
        if let ServiceTransport::Http(http) = &transport
            && !http.path_prefix.is_empty()
            && !http.path_prefix.starts_with('/')
        {
            return None;
        }
        let port = u16::try_from(settings.port).ok().filter(|port| *port > 0)?;
        let hostname = settings.service.rsplit('/').next().filter(|h| !h.is_empty())?.to_string();
        let status_on_error = match settings.status_on_error.as_deref() {
            None | Some("") => None,
            Some(code) => Some(status_name(code.parse().ok()?)?),
        };
        Some(Self { hostname, port, status_on_error, settings, transport })
    }

    /// The name of the service's cluster in Envoy.
    pub(crate) fn cluster(&self) -> String {
        format!("outbound|{}||{}", self.port, self.hostname)
    }
}

/// The name that Envoy has for a status code.
fn status_name(code: u16) -> Option<&'static str> {
    STATUS_CODES.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
}

/// `envoy.type.v3.StatusCode`.
const STATUS_CODES: &[(u16, &str)] = &[
    (100, "Continue"),
    (200, "OK"),
    (201, "Created"),
    (202, "Accepted"),
    (203, "NonAuthoritativeInformation"),
    (204, "NoContent"),
    (205, "ResetContent"),
    (206, "PartialContent"),
    (207, "MultiStatus"),
    (208, "AlreadyReported"),
    (226, "IMUsed"),
    (300, "MultipleChoices"),
    (301, "MovedPermanently"),
    (302, "Found"),
    (303, "SeeOther"),
    (304, "NotModified"),
    (305, "UseProxy"),
    (307, "TemporaryRedirect"),
    (308, "PermanentRedirect"),
    (400, "BadRequest"),
    (401, "Unauthorized"),
    (402, "PaymentRequired"),
    (403, "Forbidden"),
    (404, "NotFound"),
    (405, "MethodNotAllowed"),
    (406, "NotAcceptable"),
    (407, "ProxyAuthenticationRequired"),
    (408, "RequestTimeout"),
    (409, "Conflict"),
    (410, "Gone"),
    (411, "LengthRequired"),
    (412, "PreconditionFailed"),
    (413, "PayloadTooLarge"),
    (414, "URITooLong"),
    (415, "UnsupportedMediaType"),
    (416, "RangeNotSatisfiable"),
    (417, "ExpectationFailed"),
    (421, "MisdirectedRequest"),
    (422, "UnprocessableEntity"),
    (423, "Locked"),
    (424, "FailedDependency"),
    (426, "UpgradeRequired"),
    (428, "PreconditionRequired"),
    (429, "TooManyRequests"),
    (431, "RequestHeaderFieldsTooLarge"),
    (500, "InternalServerError"),
    (501, "NotImplemented"),
    (502, "BadGateway"),
    (503, "ServiceUnavailable"),
    (504, "GatewayTimeout"),
    (505, "HTTPVersionNotSupported"),
    (506, "VariantAlsoNegotiates"),
    (507, "InsufficientStorage"),
    (508, "LoopDetected"),
    (510, "NotExtended"),
    (511, "NetworkAuthenticationRequired"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn http(settings: Value) -> Option<AuthorizationService> {
        AuthorizationService::new(&Provider {
            name: "a".to_string(),
            envoy_ext_authz_http: Some(settings),
            envoy_ext_authz_grpc: None,
        })
    }

    #[test]
    fn a_service_has_a_cluster() {
        let service = http(json!({"service": "foo/auth.foo.svc", "port": 9000})).unwrap();
        assert_eq!(service.cluster(), "outbound|9000||auth.foo.svc");
    }

    #[test]
    fn settings_that_istiod_refuses_make_no_service() {
        for bad in [
            json!({"service": "", "port": 80}),
            json!({"service": "a", "port": 999_999}),
            json!({"service": "a", "port": 80, "pathPrefix": "check"}),
            json!({"service": "a", "port": 80, "statusOnError": "999"}),
        ] {
            assert_eq!(http(bad.clone()), None, "{bad}");
        }
    }
}
