//! A bare HTTP client: nothing between a test and the wire.

use std::sync::LazyLock;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::github::{GithubFake, Seed};

/// A commit that the seeded repository knows.
pub(crate) const SHA: &str = "1111111111111111111111111111111111111111";

/// The fake that most tests use: any commit exists.
pub(crate) fn fake() -> GithubFake {
    GithubFake::start(seed())
}

pub(crate) fn seed() -> Seed {
    Seed::new("acme", "fleet").accept_any_sha()
}

/// One client for all tests, since making one is slow. It keeps no connection: each test has a
/// runtime of its own, and a connection dies with its runtime.
pub(crate) fn http() -> &'static reqwest::Client {
    static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
        let builder = reqwest::Client::builder().pool_max_idle_per_host(0);
        builder.build().unwrap()
    });
    &HTTP
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// Null when the body is not JSON.
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The field of every item of a list.
    pub(crate) fn each(&self, field: &str) -> Vec<&Value> {
        let items = self.body.as_array().unwrap();
        items.iter().map(|item| &item[field]).collect()
    }
}

/// Sends to a path below the repository.
pub(crate) async fn send(fake: &GithubFake, method: Method, path: &str, body: Value) -> Reply {
    let url = format!("{}/repos/acme/fleet{path}", fake.url());
    let request = http().request(method, url);
    receive(request.bearer_auth("any"), body).await.unwrap()
}

pub(crate) async fn get(fake: &GithubFake, path: &str) -> Reply {
    send(fake, Method::GET, path, Value::Null).await
}

pub(crate) async fn post(fake: &GithubFake, path: &str, body: Value) -> Reply {
    send(fake, Method::POST, path, body).await
}

pub(crate) async fn delete(fake: &GithubFake, path: &str) -> Reply {
    send(fake, Method::DELETE, path, Value::Null).await
}

pub(crate) async fn graphql(fake: &GithubFake, query: &str, variables: Value) -> Value {
    let request = http().post(format!("{}/graphql", fake.url()));
    let body = json!({ "query": query, "variables": variables });
    let reply = receive(request.bearer_auth("any"), body).await.unwrap();
    assert_eq!(
        reply.status, 200,
        "GraphQL fails inside a 200: {}",
        reply.text
    );
    reply.body
}

pub(crate) async fn receive(request: RequestBuilder, body: Value) -> reqwest::Result<Reply> {
    let request = match body {
        Value::Null => request,
        body => request.body(body.to_string()),
    };
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or_default();
    Ok(Reply {
        status,
        headers,
        text,
        body,
    })
}

/// A deployment as tidegate asks for it, and its id.
pub(crate) async fn deploy(fake: &GithubFake, environment: &str) -> u64 {
    let reply = post(fake, "/deployments", request(environment)).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    reply.body["id"].as_u64().unwrap()
}

pub(crate) fn request(environment: &str) -> Value {
    json!({
        "ref": SHA,
        "task": "tidegate:deploy",
        "auto_merge": false,
        "required_contexts": [],
        "environment": environment,
        "payload": { "schema": 1, "waves": [[1, 2], [3, 9]] },
    })
}

/// Adds a status, with the fields of `more` beside the state.
pub(crate) async fn report(fake: &GithubFake, id: u64, state: &str, more: Value) -> Reply {
    let mut body = more.as_object().cloned().unwrap_or_default();
    body.insert("state".to_owned(), state.into());
    post(fake, &format!("/deployments/{id}/statuses"), body.into()).await
}

pub(crate) fn assert_lawful(fake: &GithubFake) {
    assert_eq!(fake.violations(), Vec::<String>::new());
}
