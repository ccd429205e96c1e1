//! External authorization services: the mesh's extension providers that CUSTOM policies name
//! (docs/semantics/istio.md#istio-provider-fields).

use super::{duration, service_host::hostname, url};
use crate::{
    resource::{
        decode::{self, null_as_default},
        istio::Provider,
    },
    whole_number::with_limits,
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    vec::Vec,
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A valid external authorization service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AuthorizationService {
    pub(crate) hostname: String,
    pub(crate) port: u16,
    /// The status of the response if the service does not answer.
    pub(crate) status_on_error: Option<&'static str>,
    pub(crate) settings: Settings,
    pub(crate) transport: ServiceTransport,
}

/// The protocol of the service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServiceTransport {
    Grpc,
    Http(HttpSettings),
}

/// The fields of both kinds of provider that affect decisions or the export.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    #[serde(deserialize_with = "null_as_default")]
    service: String,
    #[serde(deserialize_with = "uint32")]
    port: u32,
    pub(crate) timeout: Option<String>,
    #[serde(alias = "fail_open", deserialize_with = "null_as_default")]
    pub(crate) fail_open: bool,
    #[serde(alias = "clear_route_cache", deserialize_with = "null_as_default")]
    pub(crate) clear_route_cache: bool,
    #[serde(alias = "status_on_error", deserialize_with = "null_as_default")]
    status_on_error: String,
    #[serde(alias = "include_request_body_in_check")]
    pub(crate) include_request_body_in_check: Option<RequestBody>,
}

/// `includeRequestBodyInCheck`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RequestBody {
    #[serde(alias = "max_request_bytes", deserialize_with = "uint32")]
    pub(crate) max_request_bytes: u32,
    #[serde(alias = "allow_partial_message", deserialize_with = "null_as_default")]
    pub(crate) allow_partial_message: bool,
    #[serde(alias = "pack_as_bytes", deserialize_with = "null_as_default")]
    pub(crate) pack_as_bytes: bool,
}

/// Fields of an HTTP provider.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct HttpSettings {
    #[serde(alias = "path_prefix", deserialize_with = "null_as_default")]
    pub(crate) path_prefix: String,
    #[serde(alias = "include_request_headers_in_check", deserialize_with = "null_as_default")]
    pub(crate) include_request_headers_in_check: Vec<String>,
    /// The older name of the field; used if the newer field is empty.
    #[serde(alias = "include_headers_in_check", deserialize_with = "null_as_default")]
    pub(crate) include_headers_in_check: Vec<String>,
    #[serde(alias = "include_additional_headers_in_check", deserialize_with = "null_as_default")]
    pub(crate) include_additional_headers_in_check: BTreeMap<String, String>,
    #[serde(alias = "headers_to_upstream_on_allow", deserialize_with = "null_as_default")]
    pub(crate) headers_to_upstream_on_allow: Vec<String>,
    #[serde(alias = "headers_to_downstream_on_deny", deserialize_with = "null_as_default")]
    pub(crate) headers_to_downstream_on_deny: Vec<String>,
    #[serde(alias = "headers_to_downstream_on_allow", deserialize_with = "null_as_default")]
    pub(crate) headers_to_downstream_on_allow: Vec<String>,
}

fn uint32<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    decode::uint32(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Returns the settings in `value`. The message of an error starts with the field.
fn settings<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let message = with_limits(&error.inner().to_string());
        match error.path().to_string().as_str() {
            "." => message,
            field if message.starts_with("must be") => format!("{field} {message}"),
            field => format!("{field}: {message}"),
        }
    })
}

impl AuthorizationService {
    /// Returns the service of `provider`, or `None` if the provider has another type. The service is assumed to exist
    /// in the mesh, because manifests rarely contain it.
    ///
    /// # Errors
    ///
    /// istiod or Envoy rejects the settings. The rules are those of istiod's `processExtensionProvider`, and the
    /// constraints of Envoy's API on the filter.
    pub(crate) fn new(provider: &Provider) -> Option<Result<Self, String>> {
        match (&provider.envoy_ext_authz_grpc, &provider.envoy_ext_authz_http) {
            (None, None) => None,
            (Some(_), Some(_)) => Some(Err("the provider has two types".to_string())),
            (Some(value), None) => Some(Self::read(value, ServiceTransport::Grpc)),
            (None, Some(value)) => Some(
                settings::<HttpSettings>(value)
                    .and_then(|http| http.check().map(|()| http))
                    .and_then(|http| Self::read(value, ServiceTransport::Http(http))),
            ),
        }
    }

    /// Returns an HTTP service whose settings only the enforcing proxy has.
    pub(crate) fn of_proxy() -> Self {
        Self {
            hostname: String::new(),
            port: 0,
            status_on_error: None,
            settings: Settings::default(),
            transport: ServiceTransport::Http(HttpSettings::default()),
        }
    }

    fn read(value: &Value, transport: ServiceTransport) -> Result<Self, String> {
        let settings: Settings = settings(value)?;
        let port = u16::try_from(settings.port).ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| format!("port must be from 1 to 65535, got {}", settings.port))?;
        let hostname = hostname(&settings.service)?.to_string();
        let status_on_error = match settings.status_on_error.as_str() {
            "" => None,
            code => Some(code.parse().ok().and_then(status_name).ok_or_else(|| {
                format!("statusOnError must be an HTTP status that Envoy supports, got `{code}`")
            })?),
        };
        if let Some(timeout) = &settings.timeout
            && duration::nanoseconds(timeout).is_none_or(|nanoseconds| nanoseconds < 0)
        {
            return Err(format!("timeout must be a duration from `0s` to `315576000000s`, got `{timeout}`"));
        }
        if settings.include_request_body_in_check.is_some_and(|body| body.max_request_bytes == 0) {
            return Err("includeRequestBodyInCheck.maxRequestBytes must be greater than 0".to_string());
        }
        Ok(Self { hostname, port, status_on_error, settings, transport })
    }

    /// Returns the name of the service's cluster in Envoy.
    pub(crate) fn cluster(&self) -> String {
        format!("outbound|{}||{}", self.port, self.hostname)
    }
}

impl HttpSettings {
    fn check(&self) -> Result<(), String> {
        let path = &self.path_prefix;
        if !path.is_empty() && !path.starts_with('/') {
            return Err(format!("pathPrefix must begin with `/`, got `{path}`"));
        }
        if let Err(reason) = url::parse(path) {
            return Err(format!("invalid pathPrefix `{path}`: {reason}"));
        }
        let lists = [
            ("includeRequestHeadersInCheck", &self.include_request_headers_in_check),
            ("includeHeadersInCheck", &self.include_headers_in_check),
            ("headersToDownstreamOnDeny", &self.headers_to_downstream_on_deny),
            ("headersToDownstreamOnAllow", &self.headers_to_downstream_on_allow),
            ("headersToUpstreamOnAllow", &self.headers_to_upstream_on_allow),
        ];
        if let Some((field, _)) = lists.iter().find(|(_, list)| list.iter().any(|name| name == "*")) {
            return Err(format!("{field} must not contain `*` alone: use a prefix or a suffix"));
        }
        let mut added = self.include_additional_headers_in_check.iter();
        let has_break = |text: &str| text.contains(['\0', '\r', '\n']);
        if added.any(|(name, value)| name.is_empty() || has_break(name) || has_break(value)) {
            return Err("includeAdditionalHeadersInCheck has an invalid header".to_string());
        }
        Ok(())
    }
}

/// Returns Envoy's name of a status code.
fn status_name(code: u16) -> Option<&'static str> {
    STATUS_CODES.iter().find(|(number, _)| *number == code).map(|(_, name)| *name)
}

/// The names in `envoy.type.v3.StatusCode`.
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
    use serde_json::json;

    fn http(settings: Value) -> Result<AuthorizationService, String> {
        let provider = Provider {
            name: "a".to_string(),
            envoy_ext_authz_http: Some(settings),
            envoy_ext_authz_grpc: None,
        };
        AuthorizationService::new(&provider).unwrap()
    }

    #[test]
    fn service_with_namespace_has_cluster_name() {
        let service = http(json!({"service": "foo/auth.foo.svc", "port": 9000})).unwrap();
        assert_eq!(service.cluster(), "outbound|9000||auth.foo.svc");
    }

    #[test]
    fn settings_in_protobuf_json_are_accepted() {
        for good in [
            json!({"service": "a.b", "port": "80"}),
            json!({"service": "a.b", "port": 80.0, "path_prefix": "/check", "timeout": "0.5s"}),
            json!({"service": "a.b", "port": 80, "pathPrefix": null, "headersToUpstreamOnAllow": null}),
            json!({"service": "a.b", "port": 80, "includeHeadersInCheck": ["x-*", "*-x", ""]}),
            json!({"service": "a.b", "port": 80, "statusOnError": "+503", "failOpen": true}),
            json!({"service": "a.b", "port": 80, "includeRequestBodyInCheck": {"maxRequestBytes": 1}}),
            json!({"service": "a.b", "port": 80, "pathPrefix": "/a%20b?c=%zz", "unknown": 1}),
        ] {
            assert!(http(good.clone()).is_ok(), "{good} {:?}", http(good.clone()));
        }
    }

    #[test]
    fn invalid_settings_are_an_error() {
        for bad in [
            json!({"service": "", "port": 80}),
            json!({"service": "a", "port": 999_999}),
            json!({"service": "a", "port": 0}),
            json!({"service": "a"}),
            json!({"service": "a", "port": -1}),
            json!({"service": "a", "port": 80.5}),
            json!({"service": "a", "port": "x"}),
            json!({"service": 1, "port": 80}),
            json!({"service": "a", "port": 80, "pathPrefix": "check"}),
            json!({"service": "a", "port": 80, "pathPrefix": "/%zz"}),
            json!({"service": "a", "port": 80, "pathPrefix": "//h:x/"}),
            json!({"service": "a", "port": 80, "pathPrefix": 1}),
            json!({"service": "a", "port": 80, "statusOnError": "999"}),
            json!({"service": "a", "port": 80, "statusOnError": "4x"}),
            json!({"service": "a", "port": 80, "timeout": "5m"}),
            json!({"service": "a", "port": 80, "timeout": "-1s"}),
            json!({"service": "a", "port": 80, "headersToDownstreamOnAllow": ["x", "*"]}),
            json!({"service": "a", "port": 80, "headersToUpstreamOnAllow": [null]}),
            json!({"service": "a", "port": 80, "includeAdditionalHeadersInCheck": {"": "x"}}),
            json!({"service": "a", "port": 80, "includeRequestBodyInCheck": {}}),
            json!("a"),
        ] {
            assert!(http(bad.clone()).is_err(), "{bad}");
        }
    }
}
