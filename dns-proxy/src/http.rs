//! The HTTP endpoint: "may I connect to this address now?", and which connections are alive.

use crate::{exchange::Shared, guard::ConnectQuestion};
use core::{convert::Infallible, net::IpAddr, time::Duration};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::CONTENT_TYPE,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use palisade::flow::FlowError;
use serde_json::{Value, json};
use std::rc::Rc;
use tokio::net::TcpStream;

/// Bytes of a request's body.
const MAX_BODY: usize = 16 << 10;

/// Serves one connection until it ends; at most for `limit` without a request.
pub(crate) async fn connection(shared: Rc<Shared>, stream: TcpStream, limit: Duration) {
    let service = service_fn(|request: Request<Incoming>| {
        let shared = Rc::clone(&shared);
        async move { Ok::<_, Infallible>(respond(&shared, request, limit).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limit);
    // Whoever breaks the connection off learns nothing, which is what they asked for.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(shared: &Shared, request: Request<Incoming>, limit: Duration) -> Response<Full<Bytes>> {
    let (status, body) = match answer(shared, request, limit).await {
        Ok(body) => (StatusCode::OK, body),
        Err((status, error)) => (status, json!({"error": error})),
    };
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    response
}

type Failed = (StatusCode, String);

async fn answer(shared: &Shared, request: Request<Incoming>, limit: Duration) -> Result<Value, Failed> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if let Some(ip) = path.strip_prefix("/v1/connections/") {
        let alive = match method {
            Method::PUT => true,
            Method::DELETE => false,
            _ => return Err(not_allowed("PUT or DELETE")),
        };
        let ip: IpAddr = ip.parse().map_err(|_| bad(format!("`{ip}` is no address")))?;
        shared.guard.borrow_mut().connection(ip, alive).map_err(|error| told(&error))?;
        return Ok(json!({"ip": ip, "alive": alive}));
    }
    match (path.as_str(), method) {
        ("/v1/connect", Method::GET) => {
            connect(shared, &from_query(request.uri().query().unwrap_or_default())?)
        }
        ("/v1/connect", Method::POST) => {
            let body = Limited::new(request.into_body(), MAX_BODY).collect();
            let late = |_| (StatusCode::REQUEST_TIMEOUT, "the body does not come".to_owned());
            let body = tokio::time::timeout(limit, body).await.map_err(late)?;
            let body = body.map_err(|error| bad(error.to_string()))?.to_bytes();
            connect(shared, &serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))?)
        }
        ("/v1/connect", _) => Err(not_allowed("GET or POST")),
        ("/v1/health", Method::GET) => Ok(json!({"status": "ok", "pod": shared.guard.borrow().pod()})),
        _ => {
            Err((StatusCode::NOT_FOUND, "there is /v1/connect, /v1/connections/IP and /v1/health".to_owned()))
        }
    }
}

fn connect(shared: &Shared, question: &ConnectQuestion) -> Result<Value, Failed> {
    let answer = shared.guard.borrow_mut().may_connect(question).map_err(|error| told(&error))?;
    let answer = serde_json::to_value(answer).map_err(|error| bad(error.to_string()))?;
    let mut body = json!({"ip": question.ip, "port": question.port, "protocol": question.protocol});
    if let (Value::Object(body), Value::Object(answer)) = (&mut body, answer) {
        body.extend(answer);
    }
    Ok(body)
}

/// `ip=192.0.2.1&port=443`, with `protocol` and `sni` where they are meant. No value of these needs escapes, but `:`
/// of an IPv6 address may have one.
fn from_query(query: &str) -> Result<ConnectQuestion, Failed> {
    let mut fields = serde_json::Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = value.replace("%3A", ":").replace("%3a", ":");
        let value = match key {
            "port" => {
                value.parse::<u16>().map(Value::from).map_err(|_| bad(format!("`{value}` is no port")))?
            }
            _ => Value::from(value),
        };
        if fields.insert(key.to_owned(), value).is_some() {
            return Err(bad(format!("`{key}` is given twice")));
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| bad(error.to_string()))
}

fn bad(why: String) -> Failed {
    (StatusCode::BAD_REQUEST, why)
}

fn told(error: &FlowError) -> Failed {
    bad(format!("{error}; {}", error.help()))
}

fn not_allowed(methods: &str) -> Failed {
    (StatusCode::METHOD_NOT_ALLOWED, format!("use {methods}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_from_a_query_whole_or_not_at_all() {
        let question = from_query("ip=2001%3Adb8::1&port=443").unwrap();
        assert_eq!((question.ip.to_string().as_str(), question.port), ("2001:db8::1", 443));
        assert_eq!((question.protocol.as_str(), question.sni), ("TCP", None));
        for wrong in [
            "",
            "ip=192.0.2.1",
            "ip=x&port=1",
            "ip=192.0.2.1&port=70000",
            "ip=192.0.2.1&port=1&port=2",
            "ip=::1&port=1&x=y",
        ] {
            assert_eq!(from_query(wrong).unwrap_err().0, StatusCode::BAD_REQUEST, "{wrong}");
        }
    }
}
