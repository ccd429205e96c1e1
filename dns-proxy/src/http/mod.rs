//! The HTTP server: decides connections to an address, and records open connections.

mod origin;
mod stream;

use self::stream::TimedStream;
use crate::{connections::Connection, lookup::Shared, pod_policy::ConnectRequest};
use core::{convert::Infallible, net::IpAddr};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ALLOW, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use palisade::flow::FlowError;
use serde_json::{Value, json};
use std::{rc::Rc, sync::Arc};
use tokio::net::TcpStream;

/// The limit of a request body in bytes.
const MAX_BODY: usize = 16 << 10;
/// The limit of a request header, and of waiting responses, in bytes.
const MAX_BUFFER: usize = 64 << 10;

/// The HTTP server of one pod.
#[derive(Debug)]
pub(crate) struct HttpServer {
    pub(crate) shared: Arc<Shared>,
}

/// Serves one connection until its end. The client has a time limit for each header, each body and each response.
pub(crate) async fn connection(server: Rc<HttpServer>, stream: TcpStream, connection: Rc<Connection>) {
    let Ok(local) = stream.local_addr() else { return };
    let limit = server.shared.idle;
    let service = service_fn(|request: Request<Incoming>| {
        let (server, connection) = (Rc::clone(&server), Rc::clone(&connection));
        async move {
            let response = server.respond(request, local.ip()).await;
            connection.end();
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limit).max_buf_size(MAX_BUFFER);
    let serving = http.serve_connection(TokioIo::new(TimedStream::new(stream, limit)), service);
    tokio::select! {
        // The error of a closed connection has no reader.
        _ = serving => {}
        () = connection.evicted() => {}
    }
}

/// The response to a refused request: status, reason, and allowed methods.
struct Refused {
    status: StatusCode,
    error: String,
    allow: Option<&'static str>,
}

impl HttpServer {
    async fn respond(&self, request: Request<Incoming>, local: IpAddr) -> Response<Full<Bytes>> {
        let (status, body, allow) = match self.answer(request, local).await {
            Ok(body) => (StatusCode::OK, body, None),
            Err(Refused { status, error, allow }) => (status, json!({"error": error}), allow),
        };
        let mut response = Response::new(Full::from(format!("{body}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(allow.map(|methods| (ALLOW, HeaderValue::from_static(methods))));
        response
    }

    async fn answer(&self, request: Request<Incoming>, local: IpAddr) -> Result<Value, Refused> {
        origin::check(&request, local).map_err(|(status, error)| refused(status, error))?;
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let method = if method == Method::HEAD { Method::GET } else { method };
        if let Some(ip) = path.strip_prefix("/v1/connections/") {
            let alive = match method {
                Method::PUT => true,
                Method::DELETE => false,
                _ => return Err(not_allowed("PUT, DELETE")),
            };
            let ip = ip.replace("%3A", ":").replace("%3a", ":");
            let ip: IpAddr = ip.parse().map_err(|_| bad(format!("invalid address `{ip}`")))?;
            self.shared.names.set_connection(self.shared.policy.lookups(), ip, alive);
            return Ok(json!({"ip": ip, "alive": alive}));
        }
        match (path.as_str(), method) {
            ("/v1/connect", Method::GET) => {
                self.connect(&from_query(request.uri().query().unwrap_or_default())?)
            }
            ("/v1/connect", Method::POST) => {
                let bytes = self.json_body(request).await?;
                self.connect(&serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?)
            }
            ("/v1/connect", _) => Err(not_allowed("GET, HEAD, POST")),
            ("/v1/health", Method::GET) => Ok(json!({"status": "ok", "pod": self.shared.policy.pod()})),
            ("/v1/health", _) => Err(not_allowed("GET, HEAD")),
            _ => {
                let paths = "unknown path; the paths are /v1/connect, /v1/connections/IP and /v1/health";
                Err(refused(StatusCode::NOT_FOUND, paths.to_owned()))
            }
        }
    }

    async fn json_body(&self, request: Request<Incoming>) -> Result<Bytes, Refused> {
        let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !kind.eq_ignore_ascii_case(b"application/json") {
            let error = "the content type of the body must be application/json".to_owned();
            return Err(refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
        let body = Limited::new(request.into_body(), MAX_BODY).collect();
        let late = |_| refused(StatusCode::REQUEST_TIMEOUT, "the body is incomplete".to_owned());
        let body = tokio::time::timeout(self.shared.idle, body).await.map_err(late)?;
        Ok(body.map_err(|error| bad(error.to_string()))?.to_bytes())
    }

    fn connect(&self, request: &ConnectRequest) -> Result<Value, Refused> {
        let answer = self.shared.policy.decide_connection(&self.shared.names, request);
        let answer = answer.map_err(|error: FlowError| bad(format!("{error}; {}", error.help())))?;
        let answer = serde_json::to_value(answer).map_err(|error| bad(error.to_string()))?;
        let mut body = json!({"ip": request.ip, "port": request.port, "protocol": request.protocol});
        if let (Value::Object(body), Value::Object(answer)) = (&mut body, answer) {
            body.extend(answer);
        }
        Ok(body)
    }
}

/// Parses a query such as `ip=192.0.2.1&port=443`, with optional `protocol` and `sni`. Only the colons of an IPv6 address
/// can be escaped.
fn from_query(query: &str) -> Result<ConnectRequest, Refused> {
    let mut fields = serde_json::Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace("%3A", ":").replace("%3a", ":");
        let value = match key {
            "port" => {
                value.parse::<u16>().map(Value::from).map_err(|_| bad(format!("invalid port `{value}`")))?
            }
            _ => Value::from(value),
        };
        if fields.insert(key.to_owned(), value).is_some() {
            return Err(bad(format!("duplicate `{key}`")));
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| bad(error.to_string()))
}

fn refused(status: StatusCode, error: String) -> Refused {
    Refused { status, error, allow: None }
}

fn bad(why: String) -> Refused {
    refused(StatusCode::BAD_REQUEST, why)
}

fn not_allowed(methods: &'static str) -> Refused {
    let error = format!("use one of {methods}");
    Refused { allow: Some(methods), ..refused(StatusCode::METHOD_NOT_ALLOWED, error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_query_is_refused() {
        let request =
            from_query("ip=2001%3Adb8::1&port=443").unwrap_or_else(|wrong| panic!("{}", wrong.error));
        assert_eq!((request.ip.to_string().as_str(), request.port), ("2001:db8::1", 443));
        assert_eq!((request.protocol.as_str(), request.sni), ("TCP", None));
        for wrong in [
            "",
            "ip=192.0.2.1",
            "ip=x&port=1",
            "ip=192.0.2.1&port=70000",
            "ip=192.0.2.1&port=1&port=2",
            "ip=::1&port=1&x=y",
        ] {
            assert_eq!(from_query(wrong).err().map(|refused| refused.status), Some(StatusCode::BAD_REQUEST));
        }
    }
}
