//! The address of a load balancer. The emulator has it as a folder of its own address, and whoever is sent to a load
//! balancer knows a host and a port: this is them. Nothing is changed on the way but the path.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, Response, StatusCode};

use super::problem::{Result, Trying};

/// More than any answer of the sample services.
const BODY_BYTES_MAX: usize = 1 << 20;

#[derive(Clone)]
struct Balancer {
    /// The emulator's address of it.
    url: String,
    http: reqwest::Client,
}

/// Serves a load balancer of an emulator until the process ends; answers its address.
pub(super) async fn front(emulator: &str, balancer: &str) -> Result<String> {
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let balancer = Balancer { url: format!("{emulator}/_alb/{balancer}"), http: http.build().trying("HTTP client")? };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.trying("port of a load balancer")?;
    let url = format!("http://{}", listener.local_addr().trying("address of a load balancer")?);
    let router = Router::new().fallback(pass_on).with_state(balancer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(url)
}

async fn pass_on(State(balancer): State<Balancer>, request: Request) -> Response<Body> {
    let passed = async {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = to_bytes(body, BODY_BYTES_MAX).await.trying("request")?;
        let asked = balancer.http.request(parts.method, format!("{}{path}", balancer.url)).headers(parts.headers);
        let answer = asked.body(body).send().await.trying("emulator")?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Result::Ok((status, headers, answer.bytes().await.trying("answer")?))
    };
    let (status, mut headers, body) = match passed.await {
        Ok((status, headers, body)) => (status, headers, Body::from(body)),
        Err(problem) => (StatusCode::BAD_GATEWAY, HeaderMap::new(), Body::from(problem.to_string())),
    };
    // How the body comes is the business of each connection.
    for name in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}
