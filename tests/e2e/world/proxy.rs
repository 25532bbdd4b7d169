//! A reverse proxy that remembers: tidegate talks to each emulator through one.
//!
//! Some promises are about calls, not results: a dry run changes nothing, a re-run sends nothing
//! twice. So every request passes through, unchanged unless a story asked for faults, and the AWS
//! calls among them are written down. The world itself talks to the emulators directly and never
//! shows up here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::autoscaler::Autoscaler;
use super::faults::{AwsFault, Faults};
use super::layout::Place;
use super::problem::{Result, Trying};
use super::service_events::TasksKnown;
use super::sessions::Sessions;
use super::target_health::Unhealthy;
use crate::github::{CuttableListener, Scissors};

/// How ECS's calls are named.
const ECS: &str = "AmazonEC2ContainerServiceV20141113";
/// More than a story starts. AWS gives at most 100 a page, the emulator as many as it is asked for.
const TASKS_MAX: usize = 100_000;
/// More than any AWS call needs; image layers go to the emulator directly.
const BODY_BYTES_MAX: usize = 64 << 20;

/// An AWS call that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When it was asked.
    pub(crate) at: Instant,
    /// `UpdateService`, for example.
    pub(crate) action: String,
    /// The request: JSON as sent; a query-protocol form as an object of strings.
    pub(crate) body: Value,
    /// 0 while there is no answer.
    pub(crate) status: u16,
    /// What was done to it on the way.
    pub(crate) fault: Option<AwsFault>,
}

/// A request, read.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    method: Method,
    path: String,
    pub(super) headers: HeaderMap,
    body: Bytes,
    /// None if it is no AWS call.
    pub(super) call: Option<Call>,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The proxy in front of one emulator; it serves until the process ends.
pub(crate) struct Proxy {
    pub(crate) url: String,
    upstream: Upstream,
}

#[derive(Clone)]
struct Upstream {
    url: String,
    http: reqwest::Client,
    state: Arc<Mutex<Known>>,
}

/// What the proxy keeps.
#[derive(Default)]
struct Known {
    calls: Vec<Call>,
    /// How many calls there were before these.
    forgotten: usize,
    faults: Option<Faults>,
    autoscaler: Autoscaler,
    unhealthy: Option<Unhealthy>,
    tasks: TasksKnown,
    sessions: Sessions,
}

impl Proxy {
    pub(crate) async fn start(upstream_url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build().trying("HTTP client of the proxy")?;
        let upstream = Upstream { url: upstream_url.to_owned(), http, state: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.trying("port for the proxy")?;
        let url = format!("http://{}", listener.local_addr().trying("address of the proxy")?);
        let router = Router::new().fallback(pass_on).with_state(upstream.clone());
        let service = router.into_make_service_with_connect_info::<Scissors>();
        tokio::spawn(async move { axum::serve(CuttableListener(listener), service).await });
        Ok(Self { url, upstream })
    }

    /// Every AWS call so far, in the order in which they were asked.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.upstream.state().calls.clone()
    }

    /// The calls that change something.
    pub(crate) fn mutations(&self) -> Vec<Call> {
        self.calls().into_iter().filter(Call::mutates).collect()
    }

    /// Forgets all calls, so that the next assertion is about what comes next.
    pub(crate) fn forget(&self) {
        let mut state = self.upstream.state();
        state.forgotten += state.calls.len();
        state.calls.clear();
    }

    /// The actions of every session, in IAM's words.
    pub(crate) fn actions(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.upstream.state().sessions.actions()
    }

    /// Forgets who asked for what.
    pub(crate) fn forget_actions(&self) {
        self.upstream.state().sessions.forget();
    }

    /// How many AWS calls there were since the start.
    pub(crate) fn asked(&self) -> usize {
        let state = self.upstream.state();
        state.forgotten + state.calls.len()
    }

    /// From now on a share of all calls goes wrong.
    pub(crate) fn begin_faults(&self, seed: u64, percent: u64) {
        self.upstream.state().faults = Some(Faults::new(seed, percent));
    }

    /// From now on nothing goes wrong; answers what did.
    pub(crate) fn end_faults(&self) -> BTreeMap<AwsFault, usize> {
        self.upstream.state().faults.take().map(|faults| faults.counts()).unwrap_or_default()
    }

    /// From now on the targets of the next version of a service, and of that version alone, are told to be unhealthy.
    pub(crate) fn make_unhealthy(&self, place: Place) {
        self.upstream.state().unhealthy = Some(Unhealthy::next_version_of(place));
    }

    /// Gives a service a scalable target, as Terraform would.
    pub(crate) fn scale(&self, target: &Value) {
        self.upstream.state().autoscaler.register(target);
    }

    /// The scalable target of a service, as it is.
    pub(crate) fn scaling(&self, resource: &str) -> Option<Value> {
        self.upstream.state().autoscaler.target(resource)
    }
}

impl Known {
    /// Notes the answer of the call at this place, unless it was forgotten meanwhile.
    fn answered(&mut self, place: usize, status: u16) {
        let call = place.checked_sub(self.forgotten).and_then(|place| self.calls.get_mut(place));
        if let Some(call) = call {
            call.status = status;
        }
    }
}

impl Call {
    /// Reading is known by the verb; whatever is not known to read counts as writing. To assume
    /// a role changes nothing that anybody can see.
    pub(crate) fn mutates(&self) -> bool {
        !["Describe", "List", "Get", "BatchGet", "BatchCheck", "AssumeRole", "Lookup", "Filter"]
            .iter()
            .any(|verb| self.action.starts_with(verb))
    }
}

impl Asked {
    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn action(&self) -> Option<&str> {
        self.call.as_ref().map(|call| call.action.as_str())
    }
}

impl Upstream {
    fn state(&self) -> MutexGuard<'_, Known> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a call through: fault, effect, answer. Answers also the fault.
    async fn carry(&self, asked: &Asked) -> (Result<Answer>, Option<AwsFault>) {
        let (bent, place) = {
            let mut state = self.state();
            let bent = state.faults.as_mut().and_then(|faults| faults.strike(asked));
            let fault = bent.as_ref().map(|bent| bent.fault);
            let place = asked.call.clone().map(|call| {
                state.calls.push(Call { fault, ..call });
                state.forgotten + state.calls.len() - 1
            });
            (bent, place)
        };
        let fault = bent.as_ref().map(|bent| bent.fault);
        if let Some(bent) = &bent {
            tokio::time::sleep(bent.wait).await;
        }
        let answer = match bent.and_then(|bent| bent.instead) {
            Some(instead) => Ok(instead),
            None => self.effect(asked).await,
        };
        if let (Some(place), Ok(answer)) = (place, &answer) {
            self.state().answered(place, answer.status);
        }
        (answer, fault)
    }

    async fn effect(&self, asked: &Asked) -> Result<Answer> {
        let scaled = self.state().autoscaler.answer(asked);
        let mut answer = match scaled {
            Some(scaled) => scaled,
            None => self.ask_emulator(asked).await?,
        };
        if asked.action() == Some("DescribeServices") {
            self.add_events(asked, &mut answer).await?;
        }
        if let Some(unhealthy) = &mut self.state().unhealthy {
            unhealthy.tell(asked, &mut answer);
        }
        self.state().sessions.note(asked, &answer);
        if let Some(faults) = &mut self.state().faults {
            faults.remember(asked, &answer);
        }
        Ok(answer)
    }

    /// Adds the starts of tasks that the emulator knows of to an answer about services.
    async fn add_events(&self, asked: &Asked, answer: &mut Answer) -> Result<()> {
        let cluster = asked.call.as_ref().map(|call| call.body["cluster"].clone()).unwrap_or_default();
        let mut arns = Vec::new();
        for status in ["RUNNING", "STOPPED"] {
            let every = json!({ "cluster": cluster, "desiredStatus": status, "maxResults": TASKS_MAX });
            let listed = self.ask_likewise(asked, "ListTasks", &every).await?;
            let listed = listed["taskArns"].as_array().into_iter().flatten();
            arns.extend(listed.filter_map(Value::as_str).map(str::to_owned));
        }
        let unknown = self.state().tasks.new_among(arns);
        for tasks in unknown.chunks(100) {
            let described =
                self.ask_likewise(asked, "DescribeTasks", &json!({ "cluster": cluster, "tasks": tasks })).await?;
            self.state().tasks.learn(&described);
        }
        self.state().tasks.tell(answer);
        Ok(())
    }

    /// Another call of ECS by whoever asked this one.
    async fn ask_likewise(&self, asked: &Asked, action: &str, body: &Value) -> Result<Value> {
        let mut likewise = Asked { body: body.to_string().into(), call: None, ..asked.clone() };
        likewise.headers.insert("x-amz-target", format!("{ECS}.{action}").parse().trying(action)?);
        likewise.headers.remove("content-length");
        let answer = self.ask_emulator(&likewise).await?;
        serde_json::from_slice(&answer.body).trying(action)
    }

    async fn ask_emulator(&self, asked: &Asked) -> Result<Answer> {
        let url = format!("{}{}", self.url, asked.path);
        let request = self.http.request(asked.method.clone(), url).headers(asked.headers.clone());
        let answer = request.body(asked.body.clone()).send().await.trying("emulator")?;
        let (status, mut headers) = (answer.status().as_u16(), answer.headers().clone());
        // The body is passed on whole, so how it was cut into pieces no longer holds.
        headers.remove("transfer-encoding");
        headers.remove("connection");
        Ok(Answer { status, headers, body: answer.bytes().await.trying("answer of the emulator")? })
    }
}

async fn pass_on(
    State(upstream): State<Upstream>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    let asked = match read(request).await {
        Ok(asked) => asked,
        Err(problem) => return broken(&problem.to_string()),
    };
    // On its own, so that a caller that is killed meanwhile cannot take back what it asked for.
    let carried = tokio::spawn(async move { upstream.carry(&asked).await }).await;
    let (answer, fault) = match carried {
        Ok((Ok(answer), fault)) => (answer, fault),
        Ok((Err(problem), _)) => return broken(&problem.to_string()),
        Err(panic) => return broken(&panic.to_string()),
    };
    if fault.is_some_and(AwsFault::cuts_connection) {
        scissors.cut();
    }
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = answer.headers;
    response
}

fn broken(problem: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(problem.to_owned()));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

async fn read(request: Request) -> Result<Asked> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.trying("request body")?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let call = aws_call(&parts.headers, &body);
    Ok(Asked { method: parts.method, path, headers: parts.headers, body, call })
}

/// The AWS action of a request, if it is one: by the header of the JSON protocols, or by the
/// `Action` of the query protocol (ELBv2, STS).
fn aws_call(headers: &HeaderMap, body: &Bytes) -> Option<Call> {
    let call =
        |action: &str, body| Call { at: Instant::now(), action: action.to_owned(), body, status: 0, fault: None };
    if let Some(target) = headers.get("x-amz-target") {
        let action = target.to_str().ok()?.rsplit('.').next()?;
        return Some(call(action, serde_json::from_slice(body).unwrap_or(Value::Null)));
    }
    let form = reqwest::Url::parse(&format!("http://form/?{}", std::str::from_utf8(body).ok()?)).ok()?;
    let fields: serde_json::Map<String, Value> =
        form.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect();
    let action = fields.get("Action")?.as_str()?.to_owned();
    Some(call(&action, Value::Object(fields)))
}
