//! No request ever reaches another tenant's backend: over any snapshots, in any order, with a broken or an old one among
//! them; and any hosts, paths, headers and tokens. What went out is held against the snapshot in force, by rules that are
//! written here a second time and in another way.

use std::convert::Infallible;
use std::sync::Mutex;

use accessos_routing::{Limits, Snapshot, State, Tenant, succeed};
use http_body_util::Empty;
use proptest::prelude::*;

use super::*;
use crate::fixture::{Issuer, site, snapshot, tenant};

const IDS: [&str; 5] = ["acme", "bolt", "core", "dyne", "echo"];

/// Keeps what was sent.
#[derive(Default)]
struct Sent(Mutex<Vec<(String, http::HeaderMap)>>);

impl<R: Send> Backends<R> for Sent {
    type Body = Empty<Bytes>;

    async fn send(&self, request: Request<Watched<R>>) -> Result<Response<Empty<Bytes>>, Fault> {
        let place = request.uri().clone();
        self.0.lock().unwrap().push((place.to_string(), request.headers().clone()));
        Ok(Response::new(Empty::new()))
    }
}

/// Which tenants there are and how they stand, in one of a few shards.
#[derive(Clone, Debug)]
struct Shape {
    generation: u64,
    tenants: Vec<(bool, u8, u8)>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let one = (prop::bool::weighted(0.8), 0..8_u8, 0..3_u8);
    (1..12_u64, prop::collection::vec(one, IDS.len())).prop_map(|(generation, tenants)| Shape { generation, tenants })
}

/// Everything that a client can say.
#[derive(Clone, Debug)]
struct Said {
    host: String,
    path: String,
    header: Option<String>,
    token: Option<(usize, usize)>,
    forged: bool,
}

fn said() -> impl Strategy<Value = Said> {
    let id = || prop::sample::select(IDS.to_vec());
    let hosts = prop_oneof![
        4 => id().prop_map(|id| format!("{id}.app.example")),
        3 => Just("go.app.example".to_owned()),
        1 => id().prop_map(|id| format!("{id}-com.app.example")),
        1 => id().prop_map(|id| format!("{}.APP.example.:443", id.to_uppercase())),
        1 => Just("app.example".to_owned()),
        1 => Just("s1.app.example".to_owned()),
        1 => "[a-z.:@ -]{0,12}",
    ];
    let paths = prop_oneof![
        3 => Just("/".to_owned()),
        3 => id().prop_map(|id| format!("/t/{id}/x")),
        1 => (id(), id()).prop_map(|(one, other)| format!("/t/{one}/../{other}/")),
        1 => (id(), id()).prop_map(|(one, other)| format!("/t/{one}//{other}@x?/t/{other}/")),
        1 => (id(), id()).prop_map(|(one, other)| format!("http://{one}.app.example/t/{other}/")),
        1 => "/[a-z./%@?#;:]{0,12}",
    ];
    let headers = prop::option::of(prop_oneof![3 => id().prop_map(str::to_owned), 1 => "[ -~]{0,8}"]);
    let tokens = prop::option::of((0..IDS.len(), 0..IDS.len()));
    (hosts, paths, headers, tokens, any::<bool>()).prop_map(|(host, path, header, token, forged)| Said {
        host,
        path,
        header,
        token,
        forged,
    })
}

fn of(shape: &Shape, issuers: &[Issuer]) -> Snapshot {
    let tenants = shape.tenants.iter().enumerate().filter(|(_, (there, ..))| *there).map(|(at, (_, state, shard))| {
        let id = IDS[at];
        let state = match state {
            0 => State::Paused,
            1 => State::Maintenance,
            2 => State::Moved,
            _ => State::Active,
        };
        Tenant {
            state,
            hosts: vec![format!("{id}.app.example"), format!("{id}-com.app.example")],
            moved_to: (state == State::Moved).then(|| format!("{id}.elsewhere.example")),
            backend: format!("http://s{shard}.app.example"),
            token_keys: vec![issuers[at].public()],
            ..tenant(id)
        }
    });
    snapshot(shape.generation, tenants.collect())
}

fn router() -> Router<Sent> {
    let metrics = Arc::new(Metrics::default());
    let log = Log::into(std::io::sink(), Arc::clone(&metrics));
    let seconds = Duration::from_secs;
    let bounds = Bounds { body_max: 1_000, answer: seconds(5), idle: seconds(5), proxies: 0 };
    let shared = Shared::new(site(), bounds, Limiter::new(1, 1_000_000), log, metrics, serde_json::Map::new());
    Router { shared: Arc::new(shared), backends: Sent::default() }
}

fn bare(host: &str) -> String {
    host.to_lowercase().replace(":443", "").trim_end_matches('.').to_owned()
}

/// Whom a request may reach: everybody it names must be the same. The rules, written plainly.
fn may_reach<'a>(said: &Said, snapshot: &'a Snapshot) -> Option<&'a Tenant> {
    let by_id = |id: &str| snapshot.tenants.iter().find(|tenant| tenant.id == id);
    let line_host = said.path.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let host = bare(&said.host);
    if line_host.is_some_and(|line| line != host) {
        return None;
    }
    let path =
        said.path.strip_prefix("http://").and_then(|rest| rest.find('/').map(|at| &rest[at..])).unwrap_or(&said.path);
    let shared = host == "go.app.example";
    let mut named: Vec<Option<&Tenant>> = Vec::new();
    if !shared {
        named.push(snapshot.tenants.iter().find(|tenant| tenant.hosts[0] == host));
    }
    if shared && let Some(rest) = path.strip_prefix("/t/") {
        named.push(by_id(rest.split(['/', '?', '#']).next().unwrap()));
    }
    if let Some(header) = &said.header {
        named.push(by_id(header.trim()));
    }
    if shared && let Some((issuer, claims)) = said.token {
        // A token that does not count names nobody, and takes nothing away from what else does.
        if issuer == claims && !said.forged && by_id(IDS[issuer]).is_some() {
            named.push(by_id(IDS[issuer]));
        }
    }
    let first = *named.first()?;
    let one = named.iter().all(|tenant| tenant.map(|tenant| &tenant.id) == first.map(|tenant| &tenant.id));
    first.filter(|tenant| one && tenant.state == State::Active)
}

/// Whether a client may be sent to this place: a host of a tenant that it names.
fn may_lead_to(said: &Said, to: &str, snapshot: &Snapshot) -> bool {
    let place = to.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let host = bare(&said.host);
    let names = |tenant: &&Tenant| {
        tenant.hosts.contains(&host)
            || said.path.contains(&format!("/t/{}", tenant.id))
            || said.header.as_deref().map(str::trim) == Some(&tenant.id)
            || said.token.is_some_and(|(_, claims)| IDS[claims] == tenant.id)
    };
    let mut named = snapshot.tenants.iter().filter(names);
    named.any(|tenant| tenant.canonical() == place || tenant.moved_to.as_deref() == Some(place))
}

fn request(said: &Said, issuers: &[Issuer]) -> Option<Request<Empty<Bytes>>> {
    let mut request = Request::builder().uri(&said.path).header("host", &said.host);
    if let Some(header) = &said.header {
        request = request.header("x-accessos-tenant", header);
    }
    if let Some((issuer, claims)) = said.token {
        let mut token = issuers[issuer].token(IDS[claims], i64::MAX);
        if said.forged {
            let other = issuers[(issuer + 1) % issuers.len()].token(IDS[claims], i64::MAX);
            token = format!("{}.{}", token.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
        }
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if said.forged {
        request =
            request.header("x-forwarded-host", "bolt.app.example").header("connection", "host, x-accessos-tenant");
    }
    request.body(Empty::new()).ok()
}

fn step(router: &Router<Sent>, current: &mut Option<Snapshot>, next: Snapshot) {
    let limits = Limits { lose_percent: 60, generation_min: 0 };
    if succeed(current.as_ref(), &next, limits) == Ok(true) {
        router.shared.routes.store(Some(Arc::new(Routes::of(&next).unwrap())));
        *current = Some(next);
    }
}

/// What a run shows: how many requests went out, and what went where it may not.
fn run(events: &[(Option<Shape>, Said)]) -> (usize, Vec<String>) {
    let issuers: Vec<Issuer> = IDS.iter().map(|id| Issuer::new(id)).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (router, mut current, mut wrong, mut out) = (router(), None, Vec::new(), 0);
    for (shape, said) in events {
        if let Some(shape) = shape {
            step(&router, &mut current, of(shape, &issuers));
        }
        let Some(request) = request(said, &issuers) else { continue };
        let answer = runtime.block_on(router.handle(request, "10.0.0.9".parse().unwrap()));
        let sent = std::mem::take(&mut *router.backends.0.lock().unwrap());
        out += sent.len();
        let allowed = current.as_ref().and_then(|current| may_reach(said, current));
        for (place, headers) in &sent {
            let host = headers["host"].to_str().unwrap();
            let right = allowed.is_some_and(|tenant| {
                place.starts_with(&format!("{}/", tenant.backend))
                    && host == tenant.hosts[0]
                    && headers["x-accessos-tenant"] == tenant.id.as_str()
                    && headers["x-forwarded-host"] == bare(&said.host).as_str()
            });
            if !right || sent.len() > 1 {
                wrong.push(format!("{said:?} went to {place} as {host}, and may reach {:?}", allowed.map(|t| &t.id)));
            }
        }
        if let Some(to) = answer.headers().get("location").and_then(|to| to.to_str().ok())
            && !current.as_ref().is_some_and(|current| may_lead_to(said, to, current))
        {
            wrong.push(format!("{said:?} was sent to {to}"));
        }
        let status = answer.status().as_u16();
        if sent.is_empty() != (status != 200)
            && !(status == 200 && said.host.starts_with("app.example"))
            && !said.path.ends_with("/healthz")
        {
            wrong.push(format!("{said:?} was answered {status} and went to {} backends", sent.len()));
        }
    }
    (out, wrong)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_request_ever_reaches_another_tenants_backend(
        events in prop::collection::vec((prop::option::weighted(0.2, shapes()), said()), 1..40)
    ) {
        let (_, wrong) = run(&events);
        prop_assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

/// The property is worth something only if requests go out, too.
#[test]
fn a_request_that_names_one_tenant_goes_out() {
    let shape = Shape { generation: 1, tenants: vec![(true, 7, 0); IDS.len()] };
    let said = |host: &str, path: &str, header: Option<&str>, token| Said {
        host: host.to_owned(),
        path: path.to_owned(),
        header: header.map(str::to_owned),
        token,
        forged: false,
    };
    let events = [
        said("acme.app.example", "/", None, None),
        said("go.app.example", "/t/bolt/x", None, None),
        said("go.app.example", "/", Some("core"), None),
        said("go.app.example", "/", None, Some((3, 3))),
        said("go.app.example", "/t/acme/", None, Some((3, 3))),
        said("acme.app.example", "/", Some("bolt"), None),
    ];
    let mut events: Vec<_> = events.into_iter().map(|said| (None, said)).collect();
    events[0].0 = Some(shape);
    assert_eq!(run(&events), (4, Vec::new()));
}

#[tokio::test]
async fn a_body_that_is_too_large_does_not_go_out() {
    let router = router();
    router.shared.routes.store(Some(Arc::new(Routes::of(&snapshot(1, vec![tenant("acme")])).unwrap())));
    let request = Request::builder().uri("/").header("host", "acme.app.example").header("content-length", "1001");
    let answer = router.handle(request.body(Empty::<Bytes>::new()).unwrap(), "10.0.0.9".parse().unwrap()).await;
    assert_eq!((answer.status().as_u16(), router.backends.0.lock().unwrap().len()), (413, 0));
}

#[tokio::test]
async fn who_looks_for_organisations_hears_the_same_of_those_that_are_there() {
    let router = router();
    router.shared.routes.store(Some(Arc::new(Routes::of(&snapshot(1, vec![tenant("acme")])).unwrap())));
    let mut seen = Vec::new();
    for who in ["acme", "nono"] {
        let form = Full::new(Bytes::from(format!("who={who}"))).map_err(|never: Infallible| match never {});
        let request = Request::builder().method("POST").uri("/").header("host", "app.example").body(form).unwrap();
        let answer = router.handle(request, "10.0.0.9".parse().unwrap()).await;
        let mut headers: Vec<String> =
            answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        headers.retain(|header| !header.starts_with("x-request-id"));
        let (status, body) = (answer.status(), answer.into_body().collect().await.unwrap().to_bytes());
        seen.push(format!("{status} {headers:?} {body:?}").replace(who, "NAME"));
    }
    assert_eq!(seen[0], seen[1]);
    assert!(seen[0].contains("303") && seen[0].contains("https://NAME.app.example/"), "{}", seen[0]);
}
