//! Takes a request through the fake: check, gate, fault, effect, check, log. Everything but the
//! delay happens under one lock, so requests take effect one after another, as in a database.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::contract::{answer_violations, request_violations};
use super::exchange::Exchange;
use super::faults::{FaultKind, Faults};
use super::repository::Repository;
use super::weather::Weather;
use super::wire::answer::{Answer, Content, Handled};
use super::wire::call::Call;
use super::wire::connection::{CuttableListener, Scissors};
use super::{graphql, oidc, rest};

const LARGEST_BODY: usize = 64 * 1024 * 1024;
const HOURLY_BUDGET: usize = 5_000;
const HOUR: i64 = 3_600;

/// Tells the time; the fake cuts it to the second, as GitHub does.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// All that the fake knows.
pub(crate) struct World {
    pub(crate) repository: Repository,
    pub(crate) clock: Clock,
    pub(crate) faults: Faults,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) violations: Vec<String>,
    /// Bends the next answers before they are checked: shows that the check can fail.
    pub(crate) tampering: Option<fn(&mut Value)>,
    /// Faults by chance, for requests that no other fault waits for.
    pub(crate) weather: Option<Weather>,
}

pub(crate) type Shared = Arc<Mutex<World>>;

/// Serves until the sender of `stop` is dropped.
pub(crate) async fn serve(listener: TcpListener, world: Shared, stop: oneshot::Receiver<()>) {
    let router = Router::new().fallback(exchange).with_state(world);
    let service = router.into_make_service_with_connect_info::<Scissors>();
    let server = axum::serve(CuttableListener(listener), service);
    // Not a graceful stop: clients keep idle connections open for as long as they live.
    tokio::select! {
        result = async { server.await } => result.unwrap(),
        _ = stop => {}
    }
}

async fn exchange(
    State(world): State<Shared>,
    ConnectInfo(scissors): ConnectInfo<Scissors>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body: Bytes = to_bytes(body, LARGEST_BODY).await.unwrap();
    let (mut call, delay) = {
        let mut world = world.lock().unwrap();
        let mut call = Call::decode(head.method, &head.uri, &head.headers, &body, world.now());
        call.fault = world.fault(&call);
        let delay = match call.fault {
            Some(FaultKind::Delay(delay)) => delay,
            _ => Duration::ZERO,
        };
        (call, delay)
    };
    tokio::time::sleep(delay).await;
    let mut world = world.lock().unwrap();
    call.now = world.now();
    let answer = world.answer(&call);
    if call.fault.as_ref().is_some_and(FaultKind::cuts_connection) {
        scissors.cut();
    }
    answer.into_response()
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second((self.clock)().as_second()).unwrap()
    }

    fn fault(&mut self, call: &Call) -> Option<FaultKind> {
        let newest = self.repository.deployments.all().last().map(|deployment| deployment.created_at);
        self.faults.take(call).or_else(|| self.weather.as_mut()?.strike(call, newest))
    }

    fn answer(&mut self, call: &Call) -> Answer {
        self.violations.extend(request_violations(call));
        let mut answer = self.judged(call).unwrap_or_else(|refusal| refusal);
        if let (Some(tamper), Content::Json(body)) = (self.tampering, &mut answer.content) {
            tamper(body);
        }
        let fault = call.fault.as_ref();
        if !fault.is_some_and(FaultKind::is_odd) {
            self.violations.extend(answer_violations(call, &answer));
        }
        if fault == Some(&FaultKind::BadGatewayAfterEffect) {
            answer = Answer::refusal(502, "Server Error");
        }
        let cut = fault.is_some_and(FaultKind::cuts_connection);
        self.exchanges.push(Exchange::of(call, &answer, cut));
        self.with_standard_headers(call, answer)
    }

    fn judged(&mut self, call: &Call) -> Handled {
        if !call.has_token {
            return Err(Answer::refusal(401, "Requires authentication"));
        }
        if let Some(answer) = call.fault.as_ref().and_then(|fault| fault.instead(call)) {
            return Err(answer);
        }
        match call.path.as_str() {
            "/graphql" => graphql::answer(&mut self.repository, call),
            "/_oidc/token" => oidc::token(&self.repository, call),
            _ => rest::answer(&mut self.repository, call),
        }
    }

    fn with_standard_headers(&self, call: &Call, mut answer: Answer) -> Answer {
        let used = self.exchanges.len();
        let left = HOURLY_BUDGET.saturating_sub(used);
        let reset = call.now.as_second() + HOUR;
        let resource = if call.is_graphql() { "graphql" } else { "core" };
        let standard = [
            ("x-github-request-id", format!("FAKE:{used:06}")),
            ("x-github-media-type", "github.v3; format=json".to_owned()),
            ("x-ratelimit-limit", HOURLY_BUDGET.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
            ("x-ratelimit-resource", resource.to_owned()),
        ];
        for (name, value) in standard {
            if answer.headers.iter().all(|(known, _)| *known != name) {
                answer.headers.push((name, value));
            }
        }
        answer
    }
}
