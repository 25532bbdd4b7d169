//! One attempt at a request, through octocrab: bounded in time and size, with an error that says what was being
//! done. Nothing here repeats anything. octocrab's own retries send a POST again at once after a 502, which
//! would make two deployments of one; its feature for that is left out of the build.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use jiff::Timestamp;
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::{Failure, Outlook};
use super::patience::Patience;
use crate::domain::lease::Owner;
use crate::ports::{Clock, Fault, PortError, PortResult, Secret};

/// Answers beyond this are refused: no record is that large, and memory is not GitHub's to spend.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(90);

/// Where GitHub is and as whom it is spoken to. What a workflow's environment holds, read elsewhere.
#[derive(Clone, Debug)]
pub struct GitHubEnvironment {
    /// Such as `https://api.github.com` or `https://ghes.example/api/v3`.
    pub api_url: String,
    /// Such as `https://api.github.com/graphql`. On the same host as the API.
    pub graphql_url: String,
    /// Where people look, such as `https://github.com`; for links to the run.
    pub server_url: Option<String>,
    /// `owner/name`.
    pub repository: String,
    /// With `contents: write` and `deployments: write` for records.
    pub token: Secret,
    /// Who we are: what a lease that we hold says, and what other owners are compared with.
    pub own: Owner,
}

/// One repository at GitHub. Cloning it is cheap and shares the connections.
#[derive(Clone)]
pub struct GitHub {
    http: Octocrab,
    environment: GitHubEnvironment,
    owner: String,
    name: String,
    /// The part of the API's URL after the host, without a slash at the end.
    api_path: String,
    graphql_path: String,
    clock: Arc<dyn Clock>,
}

/// One request, whole, as a value.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// For errors: what is being done, and to what.
    pub(super) doing: String,
    pub(super) method: Method,
    /// After the host, encoded.
    pub(super) path: String,
    /// Media type of the answer.
    pub(super) accept: &'static str,
    pub(super) body: Option<Value>,
}

/// An answer that is a success.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    doing: String,
}

const JSON: &str = "application/vnd.github+json";

impl fmt::Debug for GitHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHub").field("environment", &self.environment).finish_non_exhaustive()
    }
}

impl GitHub {
    /// A client for the repository, which waits by this clock. Sends nothing yet.
    ///
    /// # Errors
    /// The environment makes no sense.
    pub fn connect(environment: GitHubEnvironment, clock: Arc<dyn Clock>) -> PortResult<Self> {
        let doing = "setting up the GitHub client";
        let refuse = |why: &str| PortError::new(Fault::Refused, doing, why);
        let (owner, name) = environment
            .repository
            .split_once('/')
            .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
            .ok_or_else(|| refuse("the repository must be `owner/name`"))?;
        let (origin, api_path) = split_url(&environment.api_url).ok_or_else(|| refuse("the API's URL is none"))?;
        let (graphql_origin, graphql_path) =
            split_url(&environment.graphql_url).ok_or_else(|| refuse("the GraphQL URL is none"))?;
        if origin != graphql_origin {
            return Err(refuse("the API and GraphQL must be on the same host, the only one that gets the token"));
        }
        let http = octocrab(&origin, &environment.token)
            .map_err(|error| PortError::new(Fault::Refused, doing, innermost(&error)))?;
        let (owner, name) = (owner.to_owned(), name.to_owned());
        Ok(Self { http, owner, name, api_path, graphql_path, clock, environment })
    }

    /// The repository's owner.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's name, without its owner.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it was connected with.
    pub(super) fn environment(&self) -> &GitHubEnvironment {
        &self.environment
    }

    /// The page of the workflow run, if this is one.
    pub(super) fn run_url(&self) -> Option<String> {
        let GitHubEnvironment { server_url, repository, own, .. } = &self.environment;
        let (server, run) = (server_url.as_deref()?.trim_end_matches('/'), own.run?);
        let attempt = own.attempt.map(|attempt| format!("/attempts/{attempt}")).unwrap_or_default();
        Some(format!("{server}/{repository}/actions/runs/{run}{attempt}"))
    }

    /// The patience of one operation.
    pub(super) fn patience(&self) -> Patience {
        Patience::new(Arc::clone(&self.clock))
    }

    /// Now.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A request to GET a path below the repository.
    pub(super) fn get(&self, doing: impl fmt::Display, path: &str) -> Request {
        self.request(doing, Method::GET, path, None)
    }

    /// A request to POST to a path below the repository.
    pub(super) fn post(&self, doing: impl fmt::Display, path: &str, body: Value) -> Request {
        self.request(doing, Method::POST, path, Some(body))
    }

    /// A request to PATCH what is at a path below the repository.
    pub(super) fn patch(&self, doing: impl fmt::Display, path: &str, body: Value) -> Request {
        self.request(doing, Method::PATCH, path, Some(body))
    }

    /// A request to the GraphQL endpoint.
    pub(super) fn graphql_request(&self, doing: &str, body: Value) -> Request {
        let path = self.graphql_path.clone();
        Request { doing: doing.to_owned(), method: Method::POST, path, accept: JSON, body: Some(body) }
    }

    fn request(&self, doing: impl fmt::Display, method: Method, path: &str, body: Option<Value>) -> Request {
        let path = format!("{}/repos/{}/{}{path}", self.api_path, encoded(&self.owner), encoded(&self.name));
        Request { doing: doing.to_string(), method, path, accept: JSON, body }
    }

    /// Makes a request that may be made twice until it is answered or patience ends: a read, or a write that
    /// would write the same again.
    pub(super) async fn insist(&self, request: &Request) -> Result<Answer, Failure> {
        let mut patience = self.patience();
        loop {
            match self.attempt(request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) if failure.outlook == Outlook::Same => return Err(failure),
                Err(failure) => {
                    let ended = Failure { outlook: Outlook::Same, ..failure.clone() };
                    patience.after(failure).await.map_err(|_| ended)?;
                }
            }
        }
    }

    /// Makes one attempt.
    pub(super) async fn attempt(&self, request: &Request) -> Result<Answer, Failure> {
        let exchange = tokio::time::timeout(ATTEMPT_TIMEOUT, self.exchange(request));
        let (status, headers, body) = match exchange.await {
            Ok(done) => done?,
            Err(_) => {
                let why = format!("no whole answer within {} s", ATTEMPT_TIMEOUT.as_secs());
                return Err(Failure::unanswered(&request.doing, why));
            }
        };
        if !status.is_success() {
            return Err(Failure::answered(&request.doing, status, &headers, &body));
        }
        let is_html = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if is_html {
            let why = "a web page came in place of an answer; is there a proxy or a login in between?";
            return Err(Failure::unanswered(&request.doing, why));
        }
        Ok(Answer { status, headers, body, doing: request.doing.clone() })
    }

    async fn exchange(&self, request: &Request) -> Result<(StatusCode, HeaderMap, Vec<u8>), Failure> {
        let lost = |error: &dyn Error| Failure::unanswered(&request.doing, innermost(error));
        let builder = http::Request::builder().method(&request.method).uri(&request.path);
        let built = self.http.build_request(builder.header(ACCEPT, request.accept), request.body.as_ref());
        let built = built.map_err(|error| Failure::refused(&request.doing, innermost(&error)))?;
        let response = self.http.execute(built).await.map_err(|error| lost(&error))?;
        let (head, body) = response.into_parts();
        match Limited::new(body, LARGEST_ANSWER).collect().await {
            Ok(body) => Ok((head.status, head.headers, body.to_bytes().to_vec())),
            Err(error) if error.is::<LengthLimitError>() => {
                let why = format!("the answer is larger than {} MiB", LARGEST_ANSWER / 1024 / 1024);
                Err(Failure::refused(&request.doing, why))
            }
            Err(error) => Err(lost(&*error)),
        }
    }
}

impl Answer {
    /// The body as JSON of this form.
    pub(super) fn json<T: DeserializeOwned>(&self) -> PortResult<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(error))
    }

    /// An error that says that this answer is not what GitHub describes.
    pub(super) fn unexpected(&self, why: impl fmt::Display) -> PortError {
        let why = format!("HTTP {} with an unexpected answer: {why}", self.status.as_u16());
        PortError::new(Fault::Refused, &self.doing, why)
    }
}

/// octocrab without cache and without retries, and with the timeouts that it does not have by itself.
fn octocrab(origin: &str, token: &Secret) -> octocrab::Result<Octocrab> {
    Octocrab::builder()
        .base_uri(origin)?
        .set_connect_timeout(Some(CONNECT_TIMEOUT))
        .set_read_timeout(Some(SILENCE_TIMEOUT))
        .set_write_timeout(Some(SILENCE_TIMEOUT))
        .personal_token(token.expose().to_owned())
        .build()
}

/// Scheme and host, and the path without a slash at its end.
fn split_url(url: &str) -> Option<(String, String)> {
    let uri: Uri = url.parse().ok()?;
    let origin = format!("{}://{}", uri.scheme()?, uri.authority()?);
    Some((origin, uri.path().trim_end_matches('/').to_owned()))
}

/// The sentence at the bottom of a chain of errors: those above only say which layer it passed.
fn innermost(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// What a segment of a path or a value of a query may hold as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A text as one segment of a path, or as a value in a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::patience::tests::NoClock;
    use super::*;

    fn connect(environment: GitHubEnvironment) -> PortResult<GitHub> {
        GitHub::connect(environment, Arc::new(NoClock))
    }

    fn environment(api_url: &str, graphql_url: &str) -> GitHubEnvironment {
        GitHubEnvironment {
            api_url: api_url.to_owned(),
            graphql_url: graphql_url.to_owned(),
            server_url: Some("https://github.com/".to_owned()),
            repository: "acme/fleet".to_owned(),
            token: Secret::new("ghs_secret"),
            own: Owner {
                run: Some(7),
                attempt: Some(2),
                actor: "ana".to_owned(),
                host: "runner-1".to_owned(),
                process: 9,
            },
        }
    }

    #[tokio::test]
    async fn paths_keep_the_prefix_of_an_enterprise_server() {
        let github = connect(environment("https://ghes.example/api/v3/", "https://ghes.example/api/graphql")).unwrap();
        assert_eq!(github.get("reading", "/deployments").path, "/api/v3/repos/acme/fleet/deployments");
        assert_eq!(github.graphql_request("asking", Value::Null).path, "/api/graphql");
        assert_eq!(github.run_url().unwrap(), "https://github.com/acme/fleet/actions/runs/7/attempts/2");
        assert!(!format!("{github:?}").contains("ghs_secret"));
    }

    #[test]
    fn the_token_goes_to_one_host_only() {
        let error = connect(environment("https://api.github.com", "https://elsewhere.example/graphql"));
        assert!(error.unwrap_err().why.contains("same host"));
    }

    #[test]
    fn names_are_encoded() {
        assert_eq!(encoded("a b/ü#?"), "a%20b%2F%C3%BC%23%3F");
    }
}
